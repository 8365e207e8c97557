use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_795_196_322_000;
const PLACE: Place<'_> = Place { region: "eu-west-1", account: "123456789012" };

/// Ten lines a second apart, of two streams by turns.
fn some() -> Logs {
    let mut logs = Logs::default();
    let streams: [Rc<str>; 2] = ["2026/11/20/[1]a".into(), "2026/11/20/[1]b".into()];
    for second in 0..10 {
        let stream = &streams[second % 2];
        let time = NOW + i64::try_from(second).unwrap() * 1000;
        logs.add("/aws/lambda/orders", stream, format!("line {second}\n").as_bytes(), time);
    }
    logs.add("/aws/lambda/other", &streams[0], b"{\"level\":\"ERROR\"}\n", NOW);
    logs
}

fn ask(operation: &str, input: &Value) -> Result<Value, Refusal> {
    let input = input.as_object().unwrap();
    answer(operation, input, &some(), PLACE).unwrap().map(Value::Object)
}

/// The numbers of the lines of an answer.
fn lines(answer: &Value) -> String {
    let events = answer["events"].as_array().unwrap();
    let message = |event: &Value| event["message"].as_str().unwrap()[5..6].to_owned();
    events.iter().map(message).collect()
}

fn filtered(more: Value) -> Value {
    let mut input = json!({"logGroupName": "/aws/lambda/orders"});
    let Value::Object(more) = more else { panic!("{more}") };
    input.as_object_mut().unwrap().extend(more);
    ask("FilterLogEvents", &input).unwrap()
}

#[test]
fn events_are_found_by_time_stream_and_pattern() {
    assert_eq!(lines(&filtered(json!({}))), "0123456789");
    assert_eq!(lines(&filtered(json!({"filterPattern": ""}))), "0123456789");
    assert_eq!(lines(&filtered(json!({"filterPattern": "line 7"}))), "7");
    let both = json!({"startTime": NOW + 2000, "endTime": NOW + 4000});
    assert_eq!(lines(&filtered(both)), "234");
    assert_eq!(lines(&filtered(json!({"logStreamNames": ["2026/11/20/[1]b"]}))), "13579");
    assert_eq!(lines(&filtered(json!({"logStreamNamePrefix": "2026/11/20/[1]a"}))), "02468");
    assert_eq!(lines(&filtered(json!({"startFromHead": false}))), "9876543210");
    let input = json!({
        "logGroupIdentifier": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/other:*",
        "filterPattern": "{ $.level = ERROR }",
    });
    let answer = ask("FilterLogEvents", &input).unwrap();
    let event = json!({
        "eventId": format!("{:056}", 11), "ingestionTime": NOW, "logStreamName": "2026/11/20/[1]a",
        "message": "{\"level\":\"ERROR\"}\n", "timestamp": NOW,
    });
    assert_eq!(answer, json!({"events": [event], "searchedLogStreams": []}));
}

#[test]
fn pages_hold_everything_once() {
    for backwards in [false, true] {
        let (mut seen, mut token) = (String::new(), None);
        loop {
            let mut input = json!({"limit": 3, "startFromHead": !backwards});
            if let Some(token) = token {
                input["nextToken"] = token;
            }
            let answer = filtered(input);
            seen += &lines(&answer);
            token = answer.get("nextToken").cloned();
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, if backwards { "9876543210" } else { "0123456789" });
    }
}

#[test]
fn a_page_holds_at_most_a_megabyte() {
    let mut logs = Logs::default();
    let stream = "s".into();
    for _ in 0..5 {
        logs.add("g", &stream, "x".repeat(200 * 1024).as_bytes(), NOW);
    }
    let input = json!({"logGroupName": "g"});
    let answer = answer("FilterLogEvents", input.as_object().unwrap(), &logs, PLACE);
    let answer = answer.unwrap().unwrap();
    assert_eq!(answer["events"].as_array().unwrap().len(), 5);
    let lines = vec![Line { number: 1, time: 0, stream, text: "x".repeat(600 * 1024) }];
    let twice = lines.iter().chain(&lines);
    let (page, more) = super::events::page(&mut { twice }, 10);
    assert_eq!((page.len(), more), (1, true));
}

#[test]
fn a_stream_is_read_from_either_end_and_on() {
    let get = |more: Value| {
        let mut input =
            json!({"logGroupName": "/aws/lambda/orders", "logStreamName": "2026/11/20/[1]a"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask("GetLogEvents", &input).unwrap()
    };
    assert_eq!(lines(&get(json!({"limit": 2}))), "68");
    let first = get(json!({"limit": 2, "startFromHead": true}));
    assert_eq!(lines(&first), "02");
    let second = get(json!({"limit": 2, "nextToken": first["nextForwardToken"]}));
    assert_eq!(lines(&second), "46");
    let third = get(json!({"limit": 2, "nextToken": second["nextForwardToken"]}));
    assert_eq!(lines(&third), "8");
    // The end is where the token stays.
    let end = get(json!({"nextToken": third["nextForwardToken"]}));
    assert_eq!(lines(&end), "");
    assert_eq!(end["nextForwardToken"], third["nextForwardToken"]);
    assert_eq!(lines(&get(json!({"nextToken": end["nextBackwardToken"]}))), "02468");
    assert_eq!(lines(&get(json!({"nextToken": second["nextBackwardToken"]}))), "02");
    let begin = get(json!({"nextToken": first["nextBackwardToken"]}));
    assert_eq!(lines(&begin), "");
    assert_eq!(begin["nextBackwardToken"], first["nextBackwardToken"]);
    // Here the end does not count.
    assert_eq!(lines(&get(json!({"startTime": NOW + 2000, "endTime": NOW + 6000}))), "24");
}

#[test]
fn groups_and_streams_are_listed() {
    let groups = |input: Value| {
        let answer = ask("DescribeLogGroups", &input).unwrap();
        let all = answer["logGroups"].as_array().unwrap().iter();
        let names = all.map(|group| group["logGroupName"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>().join(" "), answer.get("nextToken").cloned())
    };
    let both = "/aws/lambda/orders /aws/lambda/other";
    assert_eq!(groups(json!({"logGroupNamePrefix": "/aws/lambda/"})), (both.to_owned(), None));
    assert_eq!(groups(json!({"logGroupNamePattern": "ORD"})).0, "/aws/lambda/orders");
    let (first, token) = groups(json!({"limit": 1}));
    assert_eq!(first, "/aws/lambda/orders");
    assert_eq!(groups(json!({"nextToken": token})), ("/aws/lambda/other".to_owned(), None));

    let streams = |input: Value| {
        let mut input = input;
        input["logGroupName"] = json!("/aws/lambda/orders");
        let answer = ask("DescribeLogStreams", &input).unwrap();
        let all = answer["logStreams"].as_array().unwrap().iter();
        all.map(|stream| stream["logStreamName"].as_str().unwrap()[14..].to_owned())
            .collect::<String>()
    };
    assert_eq!(streams(json!({})), "ab");
    assert_eq!(streams(json!({"descending": true})), "ba");
    assert_eq!(streams(json!({"orderBy": "LastEventTime", "descending": true, "limit": 1})), "b");
    assert_eq!(streams(json!({"nextToken": "2026/11/20/[1]a"})), "b");
}

#[test]
fn the_first_lines_of_much_are_forgotten() {
    let mut logs = Logs::default();
    let stream = "s".into();
    for number in 0..100_000 {
        logs.add("g", &stream, format!("{number}\n").as_bytes(), NOW);
    }
    let group = &logs.groups["g"];
    assert!(group.held <= KEPT && group.held > KEPT - 100);
    assert_eq!(
        group.held,
        group.lines.iter().map(|line| line.text.len() + OVERHEAD).sum::<usize>()
    );
    assert_eq!(group.lines.back().unwrap().text, "99999\n");
}

#[test]
fn what_is_wrong_is_said() {
    let refused = |operation, input| ask(operation, &input).unwrap_err();
    let missing = refused("FilterLogEvents", json!({"logGroupName": "/aws/lambda/none"}));
    assert_eq!(missing.code, "ResourceNotFoundException");
    assert_eq!(missing.message, "The specified log group does not exist.");
    for input in [
        json!({}),
        json!({"logGroupName": "/aws/lambda/orders", "logGroupIdentifier": "/aws/lambda/orders"}),
        json!({"logGroupName": "/aws/lambda/orders", "filterPattern": "a:b"}),
        json!({"logGroupName": "/aws/lambda/orders", "limit": 0}),
        json!({"logGroupName": "/aws/lambda/orders", "limit": 10_001}),
        json!({"logGroupName": "/aws/lambda/orders", "startTime": 2, "endTime": 1}),
        json!({"logGroupName": "/aws/lambda/orders", "nextToken": "x"}),
        json!({"logGroupName": "/aws/lambda/orders", "logStreamNames": ["a"],
               "logStreamNamePrefix": "a"}),
    ] {
        let refusal = refused("FilterLogEvents", input.clone());
        assert_eq!(refusal.code, "InvalidParameterException", "{input}");
    }
    let stream = json!({"logGroupName": "/aws/lambda/orders", "logStreamName": "none"});
    assert_eq!(refused("GetLogEvents", stream).code, "ResourceNotFoundException");
    assert!(answer("StartQuery", &Object::new(), &some(), PLACE).is_none());
}
