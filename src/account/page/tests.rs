use proptest::prelude::*;
use serde_json::json;

use super::*;

fn input(size: u64, marker: Option<&str>) -> Input {
    let mut members = Object::new();
    members.insert("MaxItems".to_owned(), size.into());
    members.insert("Marker".to_owned(), json!(marker));
    Input::new(members)
}

proptest! {
    #[test]
    fn the_pages_together_are_the_list(count in 0_u64..120, size in 1_u64..200) {
        let mut found = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let items = (0..count).map(|item| (number(item), item));
            let answer = page(&input(size, marker.as_deref()), "Items", 50, items, |item| item);
            let items = answer["Items"].as_array().unwrap();
            prop_assert!(items.len() <= 50 && items.len() as u64 <= size);
            found.extend(items.iter().filter_map(serde_json::Value::as_u64));
            match answer.get("NextMarker") {
                Some(next) => marker = next.as_str().map(str::to_owned),
                None => break,
            }
        }
        prop_assert_eq!(found, (0..count).collect::<Vec<_>>());
    }
}

#[test]
fn a_marker_outlives_the_item_that_it_stands_for() {
    let items = |left: &[u64]| left.iter().map(|item| (number(*item), *item)).collect::<Vec<_>>();
    let first = page(&input(2, None), "Items", 50, items(&[1, 2, 3, 4]).into_iter(), |item| item);
    let marker = first["NextMarker"].as_str().unwrap();
    let second =
        page(&input(2, Some(marker)), "Items", 50, items(&[1, 4]).into_iter(), |item| item);
    assert_eq!(second["Items"], json!([4]));
}

#[test]
fn a_marker_of_another_begins_anew() {
    for marker in ["", "!", "_w"] {
        let items = [("a".to_owned(), 1)].into_iter();
        let answer = page(&input(2, Some(marker)), "Items", 50, items, |item| item);
        assert_eq!(answer["Items"], json!([1]));
    }
}
