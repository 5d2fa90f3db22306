//! Enrolment: a bare host gets the helper and its line of sudoers, checked before and proven afterwards.

use anyhow::Result;
use patchbot::config::secret::Secret;
use patchbot::patch;
use patchbot::ssh::{EnrollError, Enrollment, HostKey, LoginKey, Sudo, Target, Trust, enroll};
use patchbot_lab::{Host, Lab};

use super::{hop, remote, target};

const ACCOUNT: &str = "fleet";

/// The administrator's way in, before anybody knows the host's key.
fn admin(lab: &Lab, host: &Host, trust: Trust) -> Result<Target> {
    let mut target = target(lab, host)?;
    target.hop.trust = trust;
    Ok(target)
}

/// The new account's way in, with a key of its own.
fn service(lab: &Lab, host: &Host) -> Result<(Target, Enrollment)> {
    let mut target = target(lab, host)?;
    target.hop.user = ACCOUNT.to_owned();
    target.hop.key = LoginKey::read(&lab.stranger_key(), None)?;
    let enrollment =
        Enrollment { account: ACCOUNT.to_owned(), public_key: Some(target.hop.key.public_line()) };
    Ok((target, enrollment))
}

#[tokio::test]
async fn a_bare_host_is_enrolled_and_answers_its_new_account() -> Result<()> {
    let lab = Lab::start().await?;
    let host = lab.host("web01").light().start().await?;
    let (target, enrollment) = service(&lab, &host)?;
    let stranger = admin(&lab, &host, Trust::Unknown)?;
    let unknown = enroll(&remote(), &stranger, &Sudo::Passwordless, &enrollment, &target).await.unwrap_err();
    let key = HostKey::parse(&host.host_key()?)?;
    assert!(unknown.to_string().contains(&key.fingerprint().to_string()), "{unknown}");
    assert_eq!(host.exec("ls /usr/local/sbin/patchbot-host").await?.code, 2);

    let known = admin(&lab, &host, Trust::Fingerprint(key.fingerprint()))?;
    for _ in 0..2 {
        let enrolled = enroll(&remote(), &known, &Sudo::Passwordless, &enrollment, &target).await?;
        assert_eq!(enrolled.host_key, key);
        assert_eq!(enrolled.hello.helper, patch::HELPER_VERSION);
    }
    let state = host
        .exec(&format!(
            "stat -c '%a %U %n' /usr/local/sbin/patchbot-host /etc/sudoers.d/patchbot /home/{ACCOUNT}/.ssh/authorized_keys; \
             wc -l </home/{ACCOUNT}/.ssh/authorized_keys; ls -A /usr/local/sbin /etc/sudoers.d | grep new; visudo -c >/dev/null && echo sound"
        ))
        .await?;
    assert_eq!(
        state.stdout.trim(),
        "755 root /usr/local/sbin/patchbot-host\n440 root /etc/sudoers.d/patchbot\n600 fleet /home/fleet/.ssh/authorized_keys\n1\nsound"
    );
    Ok(())
}

#[tokio::test]
async fn the_password_of_sudo_goes_over_standard_input_and_a_wrong_one_changes_nothing() -> Result<()> {
    let lab = Lab::start().await?;
    let host = lab.host("web01").light().start().await?;
    host.exec(
        "echo 'patchadmin ALL=(ALL) ALL' >/etc/sudoers.d/patchadmin; echo patchadmin:open-sesame | chpasswd",
    )
    .await?
    .ok()?;
    let (target, enrollment) = service(&lab, &host)?;
    let admin = admin(&lab, &host, Trust::FirstContact)?;
    for sudo in [Sudo::Passwordless, Sudo::Password(Secret::new("wrong"))] {
        let error = enroll(&remote(), &admin, &sudo, &enrollment, &target).await.unwrap_err();
        assert!(matches!(error, EnrollError::Sudo { .. }), "{error}");
        assert_eq!(host.exec("ls /usr/local/sbin/patchbot-host").await?.code, 2);
    }
    let sudo = Sudo::Password(Secret::new("open-sesame"));
    enroll(&remote(), &admin, &sudo, &enrollment, &target).await?;
    // sudo asks no more: the password must not end up in what is installed.
    host.exec("echo 'patchadmin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/patchadmin").await?.ok()?;
    enroll(&remote(), &admin, &sudo, &enrollment, &target).await?;
    let found =
        host.exec("grep -rl open-sesame /usr/local/sbin /etc/sudoers.d /home /var/log 2>/dev/null").await?;
    assert_eq!(found.stdout, "");
    Ok(())
}

#[tokio::test]
async fn what_is_not_sound_is_not_installed() -> Result<()> {
    let lab = Lab::start().await?;
    let host = lab.host("web01").light().start().await?;
    let (target, enrollment) = service(&lab, &host)?;
    let admin = admin(&lab, &host, Trust::FirstContact)?;
    for account in ["root", "Fleet", "a b", "x'; touch /ran; '", "-a", ""] {
        let enrollment = Enrollment { account: account.to_owned(), public_key: None };
        let error = enroll(&remote(), &admin, &Sudo::Passwordless, &enrollment, &target).await.unwrap_err();
        assert!(matches!(error, EnrollError::Account { .. }), "{account}: {error}");
    }
    host.exec(
        "sed -i '/includedir/d' /etc/sudoers; echo 'patchadmin ALL=(ALL) NOPASSWD: ALL' >>/etc/sudoers",
    )
    .await?
    .ok()?;
    let error = enroll(&remote(), &admin, &Sudo::Passwordless, &enrollment, &target).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "web01 ({}:22): the helper was not installed (/etc/sudoers does not include /etc/sudoers.d); \
             nothing was changed in its place",
            host.address()
        )
    );
    let left = host
        .exec(
            "ls -A /usr/local/sbin /etc/sudoers.d | grep patchbot; id fleet 2>/dev/null; ls /ran 2>/dev/null",
        )
        .await?;
    assert_eq!(left.stdout.trim(), "");
    assert_eq!(hop(&lab, &host)?.user, Host::USER);
    Ok(())
}
