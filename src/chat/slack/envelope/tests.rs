//! What comes in is read with as little as it needs, and what is not understood is told without a word of it.

use super::*;

fn envelope(kind: &str, payload: &Value) -> Frame {
    let frame = serde_json::json!({"envelope_id": "e1", "type": kind, "payload": payload, "accepts_response_payload": true});
    read(&frame.to_string(), "U0BOT")
}

fn heard(kind: &str, payload: &Value) -> Heard {
    match envelope(kind, payload) {
        Frame::Envelope { id, heard } => {
            assert_eq!(id, "e1");
            *heard
        }
        other => panic!("{other:?}"),
    }
}

fn why(frame: Frame) -> String {
    match frame {
        Frame::Strange { id, why } => format!("{}: {why}", id.as_deref().unwrap_or("-")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_click_is_read_whatever_the_message_it_was_made_on_is_made_of() {
    let click = serde_json::json!({
        "type": "block_actions", "trigger_id": "t1", "response_url": "https://hooks.slack.test/1",
        "user": {"id": "U1", "team_id": "T1", "name": "ada"}, "team": {"id": "T1"},
        "channel": {"id": "C1", "name": "windows"},
        "container": {"type": "message", "message_ts": "1.2", "channel_id": "C1", "is_ephemeral": false},
        "message": {"blocks": [{"type": "from_the_future", "elements": 7}], "metadata": {"event_payload": {"n": 1}}},
        "actions": [{"type": "button", "action_id": "approve", "value": "v", "action_ts": "3.4", "block_id": "b"}]
    });
    assert_eq!(
        heard("interactive", &click),
        Heard::Click {
            who: Who { team: Some("T1".to_owned()), user: "U1".to_owned() },
            action: "approve".to_owned(),
            value: "v".to_owned(),
            chosen: false,
            trigger: "t1".to_owned(),
            on: Some(MessageRef { channel: "C1".to_owned(), ts: "1.2".to_owned() }),
            way: Way::Address {
                url: "https://hooks.slack.test/1".to_owned(),
                channel: Some("C1".to_owned()),
                replaces: false,
            },
            key: "trigger t1 3.4".to_owned(),
        }
    );
}

#[test]
fn only_words_of_people_to_the_app_are_heard() {
    let event = |event: &Value| heard("events_api", &serde_json::json!({"event_id": "Ev1", "event": event}));
    let message = serde_json::json!({"type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "text": "hi"});
    let with = |name: &str, value: &str| {
        let mut changed = message.clone();
        changed.as_object_mut().unwrap().insert(name.to_owned(), value.into());
        changed
    };
    assert!(matches!(event(&message), Heard::Words { way: Way::Direct { .. }, .. }));
    assert!(matches!(event(&with("subtype", "file_share")), Heard::Words { .. }));
    assert!(matches!(event(&with("type", "app_mention")), Heard::Words { way: Way::Channel { .. }, .. }));
    let silent = [
        with("subtype", "message_changed"),
        with("subtype", "bot_message"),
        with("bot_id", "B1"),
        with("user", "U0BOT"),
        with("channel_type", "channel"),
        serde_json::json!({"type": "message", "subtype": "message_deleted", "channel": "D1"}),
        serde_json::json!({"type": "channel_created", "channel": {"id": "C1"}, "user": {"id": "U1"}}),
    ];
    for one in silent {
        assert_eq!(event(&one), Heard::Nothing, "{one}");
    }
    assert_eq!(heard("interactive", &serde_json::json!({"type": "view_closed", "view": {}})), Heard::Nothing);
}

#[test]
fn what_is_not_understood_is_told_without_a_word_of_it() {
    let secret =
        serde_json::json!({"user_id": 7, "text": "my password", "response_url": "https://hooks/secret"});
    insta::assert_snapshot!(why(envelope("slash_commands", &secret)), @"e1: a command is not as expected; it has response_url, text, user_id");
    insta::assert_snapshot!(why(envelope("from_the_future", &Value::Null)), @"e1: it is of a kind that is not known: from_the_future");
    insta::assert_snapshot!(why(envelope("interactive",
            &serde_json::json!({"type": "block_actions", "actions": []}))), @"e1: a click is not as expected, user is missing; it has actions, type");
    insta::assert_snapshot!(why(envelope("events_api", &Value::Null)), @"e1: an event is not as expected; it has nothing");
    insta::assert_snapshot!(why(read("not json", "U0BOT")), @"-: it is no envelope (Syntax in column 2)");
    insta::assert_snapshot!(why(read(r#"{"envelope_id":"e9","type":7}"#, "U0BOT")), @"e9: it is no envelope (Data in column 28)");
    insta::assert_snapshot!(why(read(r#"{"type":"slash_commands"}"#, "U0BOT")), @"-: it has no envelope id");
    assert_eq!(read(r#"{"type":"hello","num_connections":1}"#, "U0BOT"), Frame::Hello);
    assert_eq!(
        read(r#"{"type":"disconnect","reason":"warning"}"#, "U0BOT"),
        Frame::Disconnect { reason: "warning".to_owned() }
    );
}

#[test]
fn what_was_filled_into_a_form_is_read_field_by_field() {
    let sent = serde_json::json!({
        "type": "view_submission", "trigger_id": "t1", "user": {"id": "U1", "team_id": "T1"},
        "view": {"id": "V1", "type": "modal", "hash": "h", "private_metadata": "move\nw/1\nC1/1.2", "state": {"values": {
            "slot": {"slot": {"type": "static_select", "selected_option": {"value": "2026-12-10 19:00 UTC"}}},
            "date": {"date": {"type": "datepicker", "selected_date": null}},
            "time": {"time": {"type": "timepicker", "selected_time": "20:00"}},
            "windows": {"windows": {"type": "multi_static_select", "selected_options": [{"value": "a"}, {"value": "b"}]}},
            "reason": {"reason": {"type": "plain_text_input", "value": "release"}}}}}
    });
    let Heard::Form { about, filled, sent, way, .. } = heard("interactive", &sent) else { panic!() };
    assert_eq!((about.as_str(), sent), ("move\nw/1\nC1/1.2", true));
    assert_eq!(way, Way::View { view: "V1".to_owned() });
    let of = |name: &str| {
        let found = filled.iter().find(|(other, _)| other == name);
        found.map(|(_, values)| values.join(",")).unwrap_or_default()
    };
    assert_eq!(of("slot"), "2026-12-10 19:00 UTC");
    assert_eq!(
        (of("date"), of("time"), of("windows"), of("reason")),
        (String::new(), "20:00".to_owned(), "a,b".to_owned(), "release".to_owned())
    );
}
