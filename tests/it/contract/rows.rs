//! Every kind of row reads back as it was written, and a stale version is refused.

use chrono::TimeDelta;
use patchbot::clock::Ids;
use patchbot::domain::answer::Channel;
use patchbot::domain::calendar::plan_at;
use patchbot::domain::chain::Chain;
use patchbot::domain::decision::Decided;
use patchbot::domain::event::{Actor, AuditEvent, What};
use patchbot::domain::ids::{DecisionId, Revision, RunId};
use patchbot::domain::person::{Address, Identity};
use patchbot::domain::policy::{Policy, RebootRule};
use patchbot::domain::run::{RunPlan, RunState, Step};
use patchbot::domain::server::{Ownership, Rank};
use patchbot::domain::undo::Before;
use patchbot::domain::window::{Approval, Approver, WindowState};
use patchbot::store::error::StoreError;
use patchbot::store::records::{CardRow, DecisionRow, Medium, PrecheckRow, Purpose, RunRow};
use serde_json::json;

use super::{Fresh, on_both, person, server, utc, window};

on_both!(
    servers_owners_and_people_read_back,
    windows_read_back_and_a_stale_version_is_refused,
    starts_are_counted_between_two_instants,
    decisions_checks_cards_and_facts_of_the_installation_read_back,
    a_plan_is_run_once_and_its_steps_are_kept,
    the_audit_has_no_gaps_and_its_hashes_hang_together,
);

const NOON: &str = "2026-12-03T12:00:00Z";

async fn servers_owners_and_people_read_back(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    let (web, other) = (server("web01.example.org"), server("web010.example.org"));
    let (ada, bob) = (person("ada@owners.test"), person("bob@owners.test"));
    for server in [&web, &other] {
        tx.insert_server(server, utc(NOON)).await.unwrap();
    }
    for person in [&ada, &bob] {
        tx.insert_person(person, utc(NOON)).await.unwrap();
    }
    assert_eq!(tx.server_by_id(web.id).await.unwrap(), web);
    assert_eq!(tx.servers_called("web01").await.unwrap(), std::slice::from_ref(&web));
    assert_eq!(tx.servers_called("web01.example.org").await.unwrap(), std::slice::from_ref(&web));
    assert_eq!(tx.servers_called("web0").await.unwrap(), []);
    let owners = [
        Ownership { person: ada.id, rank: Rank::Primary },
        Ownership { person: bob.id, rank: Rank::Secondary },
    ];
    tx.set_owners(web.id, &owners).await.unwrap();
    tx.set_owners(web.id, &owners).await.unwrap();
    assert_eq!(tx.owners_of(web.id).await.unwrap(), owners);
    assert_eq!(tx.servers_of(bob.id).await.unwrap(), std::slice::from_ref(&web));
    let mut changed = web.clone();
    changed.reboot = Some(RebootRule::Never);
    changed.host_key = Some("ssh-ed25519 AAAA".to_owned());
    tx.update_server(&changed, utc(NOON)).await.unwrap();
    assert!(matches!(tx.update_server(&changed, utc(NOON)).await, Err(StoreError::Stale(_))));
    let read = tx.server_by_id(web.id).await.unwrap();
    assert_eq!((read.reboot, read.version), (Some(RebootRule::Never), 1));
    let slack = Identity::Slack { team: "T1".to_owned(), user: "U1".to_owned() };
    tx.link_identity(&slack, ada.id, utc(NOON)).await.unwrap();
    assert_eq!(tx.person_by_identity(&slack).await.unwrap(), Some(ada.clone()));
    assert_eq!(tx.identities_of(ada.id).await.unwrap(), std::slice::from_ref(&slack));
    assert_eq!(tx.person_by_mail(&Address::parse("ADA@owners.test").unwrap()).await.unwrap(), Some(ada));
    assert!(matches!(
        tx.insert_server(&server("web01.example.org"), utc(NOON)).await,
        Err(StoreError::Duplicate(_))
    ));
}

async fn windows_read_back_and_a_stale_version_is_refused(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    let web = server("web01");
    let ada = person("ada@owners.test");
    tx.insert_server(&web, utc(NOON)).await.unwrap();
    tx.insert_person(&ada, utc(NOON)).await.unwrap();
    let bare = window(&web);
    tx.insert_window(&bare).await.unwrap();
    assert_eq!(tx.window_by_id(bare.id).await.unwrap(), bare);
    let mut planned =
        bare.clone().with_plan(plan_at(utc("2026-12-10T19:00:00.123456Z"), web.zone, TimeDelta::hours(2)));
    planned.state = WindowState::Approved(Approval {
        with: vec!["bob in Slack".to_owned()],
        by: Approver::Person { id: ada.id, name: "ada".to_owned() },
        channel: Channel::Mail,
        revision: Revision::FIRST,
        at: utc(NOON),
    });
    planned.crossed_by = Some(ada.id);
    tx.update_window(&planned).await.unwrap();
    assert!(matches!(tx.update_window(&planned).await, Err(StoreError::Stale(_))));
    let read = tx.window_of(web.id, bare.quarter).await.unwrap().unwrap();
    planned.version = 1;
    assert_eq!(read, planned);
    tx.set_owners(web.id, &[Ownership { person: ada.id, rank: Rank::Primary }]).await.unwrap();
    assert_eq!(tx.windows_of_owner(ada.id, bare.quarter).await.unwrap(), std::slice::from_ref(&planned));
    assert_eq!(tx.windows_of_quarter(bare.quarter).await.unwrap(), std::slice::from_ref(&planned));
    assert_eq!(tx.windows_of_server(web.id).await.unwrap(), [planned]);
    assert!(matches!(tx.insert_window(&window(&web)).await, Err(StoreError::Duplicate(_))));
}

async fn starts_are_counted_between_two_instants(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    for (number, start) in
        ["2026-12-10T19:00:00Z", "2026-12-10T19:30:00Z", "2026-12-10T20:00:00Z", "2026-12-11T20:00:00Z"]
            .iter()
            .enumerate()
    {
        let web = server(&format!("web{number}"));
        tx.insert_server(&web, utc(NOON)).await.unwrap();
        tx.insert_window(&window(&web).with_plan(plan_at(utc(start), web.zone, TimeDelta::hours(2))))
            .await
            .unwrap();
    }
    let starts = tx.starts(utc("2026-12-10T00:00:00Z"), utc("2026-12-11T00:00:00Z")).await.unwrap();
    let one = |at: &str| (utc(at), 1);
    let mut sorted = starts.clone();
    sorted.sort();
    assert_eq!(sorted, ["2026-12-10T19:00:00Z", "2026-12-10T19:30:00Z", "2026-12-10T20:00:00Z"].map(one));
}

async fn decisions_checks_cards_and_facts_of_the_installation_read_back(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    let web = server("web01");
    let bare = window(&web);
    tx.insert_server(&web, utc(NOON)).await.unwrap();
    tx.insert_window(&bare).await.unwrap();
    let decision = DecisionRow {
        id: DecisionId(Ids::Random.next()),
        window: bare.id,
        revision: Revision(2),
        person: None,
        decided_by: "ada".to_owned(),
        channel: Channel::Slack,
        decided: Decided::Moved,
        request: Some("trigger 17.4".to_owned()),
        words: Some("move web01 to 2026-12-10 20:00".to_owned()),
        reason: Some("release".to_owned()),
        sentence: "web01 moves.".to_owned(),
        decided_at: utc(NOON),
        before: Some(Before::of(&bare)),
        version: Some(1),
    };
    tx.insert_decision(&decision).await.unwrap();
    assert_eq!(tx.decisions_of(bare.id).await.unwrap(), std::slice::from_ref(&decision));
    assert!(tx.was_decided_by(bare.id, "trigger 17.4").await.unwrap());
    assert!(!tx.was_decided_by(bare.id, "trigger 17.5").await.unwrap());
    let check = PrecheckRow {
        load_milli: Some(250),
        reboot_pending: Some(true),
        id: Ids::Random.next(),
        server: web.id,
        window: Some(bare.id),
        run: None,
        purpose: Purpose::Precheck,
        taken_at: utc(NOON),
        blocked: true,
        findings: json!([{"level": "block"}]),
        facts: None,
    };
    tx.insert_precheck(&check).await.unwrap();
    assert_eq!(tx.latest_precheck(web.id).await.unwrap(), Some(check));
    let mut card = CardRow {
        platform: Medium::Slack,
        channel: "C1".to_owned(),
        window: bare.id,
        message: "1.1".to_owned(),
        line: None,
        revision: Some(Revision::FIRST),
        thread: None,
    };
    tx.put_card(&card, utc(NOON)).await.unwrap();
    card = CardRow { message: "2.2".to_owned(), line: Some(3), thread: Some("77".to_owned()), ..card };
    tx.put_card(&card, utc(NOON)).await.unwrap();
    assert_eq!(tx.cards_of(bare.id).await.unwrap(), [card.clone()]);
    assert_eq!(tx.cards_on(Medium::Slack, "2.2").await.unwrap(), [card.clone()]);
    assert_eq!(tx.cards_in_thread(Medium::Slack, "77").await.unwrap(), [card]);
    assert_eq!(tx.cards_on(Medium::Discord, "2.2").await.unwrap(), []);
    tx.put_configuration("instance", &json!({"b": 1, "a": [true, null]}), utc(NOON)).await.unwrap();
    assert_eq!(tx.get_configuration("instance").await.unwrap(), Some(json!({"a": [true, null], "b": 1})));
}

async fn a_plan_is_run_once_and_its_steps_are_kept(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.unwrap();
    let web = server("web01");
    let bare = window(&web);
    tx.insert_server(&web, utc(NOON)).await.unwrap();
    tx.insert_window(&bare).await.unwrap();
    let policy = Policy::default();
    let run = |id: uuid::Uuid| RunRow {
        plan: RunPlan {
            run: RunId(id),
            window: bare.id,
            revision: Revision::FIRST,
            server: web.id,
            server_name: "web01".to_owned(),
            starts_at: utc("2026-12-10T19:00:00Z"),
            ends_at: utc("2026-12-10T21:00:00Z"),
            scope: policy.scope.clone(),
            exclude: vec!["mysql-*".to_owned()],
            reboot: RebootRule::Needed,
            reboot_wait_seconds: 600,
            checks: policy.checks.clone(),
            validation: policy.validation.clone(),
            passes: Vec::new(),
        },
        state: RunState::Prechecking,
        report: None,
        started_at: utc(NOON),
        ended_at: None,
    };
    let first = run(Ids::Random.next());
    tx.insert_run(&first).await.unwrap();
    assert_eq!(tx.run_by_id(first.plan.run).await.unwrap(), first);
    assert_eq!(tx.begin_step(first.plan.run, Step::Precheck, utc(NOON)).await.unwrap(), 1);
    tx.end_step(first.plan.run, 1, "passed", utc(NOON)).await.unwrap();
    assert_eq!(tx.begin_step(first.plan.run, Step::Apply, utc(NOON)).await.unwrap(), 2);
    let steps = tx.steps_of(first.plan.run).await.unwrap();
    assert_eq!(
        steps.iter().map(|step| (step.step, step.outcome.as_deref())).collect::<Vec<_>>(),
        [(Step::Precheck, Some("passed")), (Step::Apply, None)]
    );
    let failed = RunState::Failed { step: Step::Apply, reasons: vec!["dpkg failed.".to_owned()] };
    tx.update_run(first.plan.run, &failed, Some(utc(NOON))).await.unwrap();
    tx.set_report(first.plan.run, &json!({"log": ["E: failed"]})).await.unwrap();
    assert!(
        matches!(
            tx.update_run(first.plan.run, &RunState::Prechecking, None).await,
            Err(StoreError::Stale(_))
        ),
        "an ended run stays ended"
    );
    let read = tx.runs_of_server(web.id).await.unwrap().remove(0);
    assert_eq!(
        (read.state, read.report, read.ended_at),
        (failed, Some(json!({"log": ["E: failed"]})), Some(utc(NOON)))
    );
    assert!(
        matches!(tx.insert_run(&run(Ids::Random.next())).await, Err(StoreError::Duplicate(_))),
        "the same revision a second time"
    );
}

async fn the_audit_has_no_gaps_and_its_hashes_hang_together(fresh: Fresh) {
    let event = |sentence: &str| AuditEvent {
        at: utc("2026-12-03T12:00:00.000001Z"),
        actor: Actor::clock(),
        what: What::Decided,
        subject: "web01".to_owned(),
        sentence: sentence.to_owned(),
        words: None,
        before: Some(json!({"z": 1, "a": {"y": 2, "b": 3}})),
        after: None,
    };
    for sentence in ["one", "two", "three"] {
        let mut tx = fresh.store.begin().await.unwrap();
        tx.append_audit(&event(sentence)).await.unwrap();
        if sentence == "two" {
            drop(tx);
        } else {
            tx.commit().await.unwrap();
        }
    }
    let mut tx = fresh.store.read().await.unwrap();
    let rows = tx.audit_from(1, 10).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.seq, row.event.sentence.as_str())).collect::<Vec<_>>(),
        [(1, "one"), (2, "three")]
    );
    let mut chain = Chain::default();
    for row in rows {
        chain.follow(&row.event.content(row.seq, chain.last()), &row.hash).unwrap();
    }
    assert_eq!(tx.audit_head().await.unwrap(), (chain.length(), chain.last().to_owned()));
    assert_eq!(tx.audit_of("web01", 1).await.unwrap()[0].seq, 2);
}
