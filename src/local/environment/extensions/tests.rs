use super::*;

const BOTH: Wanted = Wanted { invoke: true, shutdown: true };
const INVOKE: Wanted = Wanted { invoke: true, shutdown: false };

fn kind<T>(refused: Result<T, Refusal>) -> &'static str {
    refused.err().unwrap().kind
}

#[test]
fn one_registers_asks_and_is_told() {
    let mut all = Extensions::default();
    all.started("ext");
    assert!(!all.are_registered() && !all.are_ready());
    let id = all.register("ext", BOTH).unwrap();
    assert!(all.are_registered() && !all.are_ready());
    let mut next = all.next(id).unwrap();
    assert!(all.are_ready() && !all.are_at_work());
    let twice = all.next(id).unwrap_err();
    assert_eq!(twice.kind, "Extension.InvalidExtensionState");
    let said = format!(
        "State transition from Ready to Ready failed for extension {id}. Error: State transition is \
         not allowed"
    );
    assert_eq!(twice.message, said);
    assert!(all.invoke("event"));
    assert_eq!(next.try_recv().unwrap(), "event");
    assert!(all.are_at_work());
    let _next = all.next(id).unwrap();
    assert!(!all.are_at_work());
}

/// What is sent to one whose connection has broken, or that is at work, is what it gets next.
#[test]
fn events_are_not_lost() {
    let mut all = Extensions::default();
    all.started("ext");
    let id = all.register("ext", BOTH).unwrap();
    drop(all.next(id).unwrap());
    let next = all.next(id).expect("one that has hung up may ask again");
    drop(next);
    assert!(all.invoke("invoke"));
    assert_eq!(all.next(id).unwrap().try_recv().unwrap(), "invoke");
    assert!(all.are_at_work());
    assert_eq!(all.shut_down("shutdown"), [("ext".to_owned(), true)]);
    assert_eq!(all.next(id).unwrap().try_recv().unwrap(), "shutdown");
}

#[test]
fn who_may_register_is_as_with_lambda() {
    let mut all = Extensions::default();
    all.started("ext");
    assert_eq!(kind(all.register("in", BOTH)), "Extension.InvalidEventType");
    all.register("in", INVOKE).unwrap();
    assert_eq!(kind(all.register("in", INVOKE)), "Extension.InvalidExtensionState");
    all.register("ext", BOTH).unwrap();
    let again = all.register("ext", BOTH).unwrap_err();
    assert!(again.message.starts_with("State transition from Registered to Registered failed"));
    for n in 2..MOST {
        all.register(&n.to_string(), Wanted::default()).unwrap();
    }
    let many = all.register("eleventh", INVOKE).unwrap_err();
    assert_eq!(many.kind, "Extension.TooManyExtensions");
    assert_eq!(many.message, "Extension limit (10) reached");
    all.close();
    assert_eq!(kind(all.register("late", INVOKE)), "Extension.RegistrationClosed");
}

#[test]
fn errors_are_taken_where_they_can_happen() {
    let mut all = Extensions::default();
    all.started("ext");
    let nobody = Uuid::new_v4();
    assert_eq!(kind(all.next(nobody)), "Extension.UnknownExtensionIdentifier");
    assert_eq!(kind(all.error(nobody, Fatal::Exit, "x")), "Extension.UnknownExtensionIdentifier");
    let id = all.register("ext", BOTH).unwrap();
    let _next = all.next(id).unwrap();
    assert_eq!(kind(all.error(id, Fatal::Init, "x")), "Extension.InvalidExtensionState");
    assert_eq!(all.fatal(), None);
    all.error(id, Fatal::Exit, "Mine.First").unwrap();
    all.error(id, Fatal::Exit, "Mine.Second").unwrap();
    assert_eq!(all.fatal(), Some("Extension.ExitError"));
    let standings: Vec<_> = all.standings().collect();
    let [one] = &standings[..] else { panic!("{standings:?}") };
    assert_eq!((one.state.as_str(), one.error), ("ExitError", Some("Mine.First")));
    assert_eq!(one.events, ["INVOKE", "SHUTDOWN"]);
}
