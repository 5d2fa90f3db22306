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
            heard
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
            on: Some(MessageRef { channel: "C1".to_owned(), ts: "1.2".to_owned() }),
            way: Way::Address {
                url: "https://hooks.slack.test/1".to_owned(),
                channel: Some("C1".to_owned())
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
        with("type", "app_home_opened"),
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
            &serde_json::json!({"type": "block_actions", "user": {"id": "U1"}}))), @"e1: a click is not as expected, actions is missing; it has type, user");
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
