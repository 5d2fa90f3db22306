//! What the account on the host can make root do: the helper's verbs with sound arguments, and nothing else.

use anyhow::Result;
use patchbot::patch::{self, AnswerError};
use patchbot::ssh::{Ended, Limits};

use super::{Site, run};

#[tokio::test]
async fn hostile_arguments_are_refused_and_start_nothing() -> Result<()> {
    let site = Site::light(["lab-app"]).await?;
    let connection = site.connect().await?;
    let id = run(1);
    let soon = "--not-after 4102444800";
    let mut arguments = vec![
        String::new(),
        "apply".to_owned(),
        "apply ../../etc --not-after 4102444800".to_owned(),
        format!("apply 0192ABCD-0000-7000-8000-000000000001 {soon}"),
        format!("apply {id}-0000 {soon}"),
        format!("apply {id}"),
        format!("apply {id} --not-after"),
        format!("apply {id} --not-after 1e12"),
        format!("apply {id} --not-after -1"),
        format!("apply {id} --not-after 99999999999999999999"),
        format!("apply {id} {soon} --scope everything"),
        format!("apply {id} {soon} --scope packages:"),
        format!("apply {id} {soon} --scope packages:a,,b"),
        format!("apply {id} {soon} --scope packages:lab-app-"),
        format!("apply {id} {soon} --scope packages:-oDPkg::Pre-Invoke::=id"),
        format!("apply {id} {soon} --scope 'packages:a b'"),
        format!("apply {id} {soon} --exclude '$(touch /ran)'"),
        format!("apply {id} {soon} --exclude 'a\nb'"),
        format!("apply {id} {soon} --server 'a;touch /ran'"),
        format!("apply {id} {soon} --lock-wait 99999"),
        format!("apply {id} {soon} --unknown 1"),
        format!("status '{id};id'"),
        format!("status {id} --log-lines 99999"),
        format!("status {id} --log-lines -1"),
        format!("reboot {id}"),
        format!("reboot {id} {id}"),
        format!("reboot {id} {id} --not-after x"),
        format!("reboot {id} {id} {soon} extra"),
        "facts --service '../x'".to_owned(),
        format!("after-reboot {id} x"),
        "after-reboot x".to_owned(),
        "facts --service".to_owned(),
        "facts x".to_owned(),
        "hello x".to_owned(),
        "shell".to_owned(),
    ];
    arguments.push(format!("apply {}", "x".repeat(100_000)));
    for argument in arguments {
        let line = format!("sudo -n {} {argument}", patch::HELPER_PATH);
        let output = connection.run(&line, None, &Limits::default()).await?;
        let verb = argument.split(' ').next().unwrap_or_default();
        let answer = patch::Answer::read(verb, &output.stdout);
        assert!(matches!(answer, Err(AnswerError::Misused { .. })), "{argument:.80}: {answer:?} {output:?}");
        assert_eq!(output.ended, Ended::Code(64), "{argument:.80}");
    }
    assert_eq!(site.host.exec("ls /ran /var/lib/patchbot/runs 2>/dev/null").await?.stdout.trim(), "");
    assert_eq!(site.host.boots()?, 1);
    Ok(())
}

#[tokio::test]
async fn sudo_allows_the_helper_and_nothing_else() -> Result<()> {
    let site = Site::light([]).await?;
    let connection = site.connect().await?;
    for command in [
        "sudo -n id",
        "sudo -n sh -c id",
        "sudo -n apt-get update",
        "sudo -n -u nobody /usr/local/sbin/patchbot-host hello",
        "sudo -n cp /bin/sh /usr/local/sbin/patchbot-host",
        "sudo -n visudo",
    ] {
        let output = connection.run(command, None, &Limits::default()).await?;
        assert_eq!(output.ended, Ended::Code(1), "{command}: {output:?}");
        assert!(output.complaint().contains("password is required"), "{command}: {output:?}");
    }
    // Nothing of the caller's environment reaches the helper.
    let line = format!("PATH=/tmp:$PATH ENV=/tmp/x sudo -n {} hello", patch::HELPER_PATH);
    assert!(connection.run(&line, None, &Limits::default()).await?.success());
    let line = format!("sudo -n LD_PRELOAD=/tmp/x.so {} hello", patch::HELPER_PATH);
    assert_eq!(connection.run(&line, None, &Limits::default()).await?.ended, Ended::Code(1));
    Ok(())
}

#[tokio::test]
async fn without_sudo_the_answer_is_not_the_helpers() -> Result<()> {
    let site = Site::light([]).await?;
    site.host.exec("rm /etc/sudoers.d/patchbot").await?;
    let output = site.runs(&patch::Command::hello()).await?;
    assert_eq!(patch::hello(&output.stdout), Err(AnswerError::Nothing));
    assert_eq!(output.complaint(), "sudo: a password is required");
    Ok(())
}
