//! Who a reply is from: signed messages, and everything a forger would try instead.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64;
use mail_auth::common::crypto::{Ed25519Key, SigningKey as _};
use patchbot::mail::auth::{AuthSettings, Authenticator, Proof, Trust};
use patchbot_lab::{Algorithm, Lab, Letter, Signature};
use sha2::{Digest as _, Sha256};
use tokio::net::UdpSocket;

const NOW: &str = "2026-12-03T10:00:00Z";

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

/// A name server that knows TXT records, in the wire format of RFC 1035. Unknown names do not exist; `!` is silence.
async fn name_server(records: HashMap<String, String>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0_u8; 1500];
        while let Ok((size, peer)) = socket.recv_from(&mut buffer).await {
            let query = &buffer[..size];
            let (mut name, mut at) = (String::new(), 12);
            while query[at] != 0 {
                let length = usize::from(query[at]);
                name.push_str(&String::from_utf8_lossy(&query[at + 1..at + 1 + length]).to_lowercase());
                name.push('.');
                at += length + 1;
            }
            let question = &query[12..at + 5];
            let record = records.get(name.trim_end_matches('.'));
            if record.is_some_and(|record| record == "!") {
                continue;
            }
            let mut answer = query[..2].to_vec();
            answer.extend([
                0x81,
                if record.is_some() { 0x80 } else { 0x83 },
                0,
                1,
                0,
                u8::from(record.is_some()),
                0,
                0,
                0,
                0,
            ]);
            answer.extend_from_slice(question);
            if let Some(record) = record {
                let mut data = Vec::new();
                for chunk in record.as_bytes().chunks(255) {
                    data.push(u8::try_from(chunk.len()).unwrap());
                    data.extend_from_slice(chunk);
                }
                answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
                answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
                answer.extend(data);
            }
            let _ = socket.send_to(&answer, peer).await;
        }
    });
    address
}

struct World {
    key: Vec<u8>,
    records: HashMap<String, String>,
    settings: AuthSettings,
}

fn world() -> World {
    let key = Ed25519Key::generate_pkcs8().unwrap();
    let public = BASE64.encode(&Ed25519Key::from_pkcs8_der(&key).unwrap().public_key());
    let mut records = HashMap::new();
    for domain in ["owners.test", "evil.test", "sub.owners.test", "silent.test", "nopolicy.test"] {
        records.insert(format!("s1._domainkey.{domain}"), format!("v=DKIM1; k=ed25519; p={public}"));
        records
            .insert(format!("trial._domainkey.{domain}"), format!("v=DKIM1; k=ed25519; t=s:y; p={public}"));
        records.insert(format!("_dmarc.{domain}"), "v=DMARC1; p=reject".to_owned());
    }
    records.remove("_dmarc.nopolicy.test");
    records.insert("s1._domainkey.silent.test".to_owned(), "!".to_owned());
    let settings = AuthSettings {
        resolver: None,
        timeout: Duration::from_millis(300),
        authserv_ids: Vec::new(),
        trusted_domains: Vec::new(),
    };
    World { key, records, settings }
}

/// How a message is signed.
#[derive(Clone)]
struct How {
    domain: &'static str,
    selector: &'static str,
    headers: &'static [&'static str],
    /// Further tags, `t=` among them.
    tags: String,
}

fn usual() -> How {
    How {
        domain: "owners.test",
        selector: "s1",
        headers: &["From", "Subject", "Date", "To", "Message-ID", "Content-Type"],
        tags: made(now()),
    }
}

/// The tag that says when a signature was made.
fn made(at: DateTime<Utc>) -> String {
    format!("t={}; ", at.timestamp())
}

const MESSAGE: &str = "From: Ada <ada@owners.test>\r\nTo: patchbot@patch.test\r\nSubject: Re: x [#ABC]\r\n\
    Date: Thu, 3 Dec 2026 10:00:00 +0000\r\nMessage-ID: <1@owners.test>\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain\r\n\r\napprove\r\n";

impl World {
    /// Signs by hand, with the library's key only, so that each tag can be what it likes (simple/simple).
    fn sign(&self, message: &str, how: &How) -> String {
        let (headers, body) = message.split_once("\r\n\r\n").unwrap();
        let hash = BASE64.encode(&Sha256::digest(body));
        let unsigned = format!(
            "DKIM-Signature: v=1; a=ed25519-sha256; c=simple/simple; d={}; s={}; {}h={}; bh={hash}; b=",
            how.domain,
            how.selector,
            how.tags,
            how.headers.join(":"),
        );
        let mut signed = String::new();
        for name in how.headers {
            let field = headers
                .split("\r\n")
                .find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())));
            signed.extend(field.map(|field| format!("{field}\r\n")));
        }
        signed.push_str(&unsigned);
        let key = Ed25519Key::from_pkcs8_der(&self.key).unwrap();
        format!("{unsigned}{}\r\n{message}", BASE64.encode(&key.sign(signed.as_bytes()).unwrap()))
    }

    async fn check_whole(&self, raw: &str, at: DateTime<Utc>) -> Trust {
        let mut settings = self.settings.clone();
        settings.resolver = Some(name_server(self.records.clone()).await);
        Authenticator::new(settings).unwrap().check(raw.as_bytes(), at).await
    }

    async fn check_at(&self, raw: &str, at: DateTime<Utc>) -> Trust {
        let mut trust = self.check_whole(raw, at).await;
        if let Trust::Authenticated { signed_leads, fingerprint, .. } = &mut trust {
            // They hang on the signature's bytes and on its h=; tests of their own look at them.
            signed_leads.clear();
            *fingerprint = String::new();
        }
        trust
    }

    async fn check(&self, raw: &str) -> Trust {
        self.check_at(raw, now()).await
    }
}

fn by_signature(content_type_signed: bool) -> Trust {
    let by = Proof::Signature { domain: "owners.test".to_owned(), selector: "s1".to_owned() };
    Trust::Authenticated { by, content_type_signed, signed_leads: Vec::new(), fingerprint: String::new() }
}

#[tokio::test]
async fn a_fresh_signature_of_the_domain_itself_proves_the_sender() {
    let world = world();
    assert_eq!(world.check(&world.sign(MESSAGE, &usual())).await, by_signature(true));
    let less = How { headers: &["from", "SUBJECT", "Date"], ..usual() };
    assert_eq!(world.check(&world.sign(MESSAGE, &less)).await, by_signature(false));
    // Some large providers sign without a time: the signed Date counts.
    let timeless = How { tags: String::new(), ..usual() };
    assert_eq!(world.check(&world.sign(MESSAGE, &timeless)).await, by_signature(true));
    let other_first = world.sign(&world.sign(MESSAGE, &usual()), &How { domain: "evil.test", ..usual() });
    assert_eq!(world.check(&other_first).await, by_signature(true));
    for (ahead, good) in [
        (TimeDelta::hours(47), true),
        (-TimeDelta::minutes(9), true),
        (TimeDelta::hours(49), false),
        (-TimeDelta::minutes(11), false),
    ] {
        let trust = world.check_at(&world.sign(MESSAGE, &usual()), now() + ahead).await;
        assert_eq!(trust == by_signature(true), good, "{ahead} {trust:?}");
    }
}

#[tokio::test]
async fn what_a_forger_would_try_is_refused_with_the_reason() {
    let world = world();
    let sign = |how: How| world.sign(MESSAGE, &how);
    let good = sign(usual());
    let from_sub = MESSAGE.replace("ada@owners.test", "ada@sub.owners.test");
    let later = |hours| now() + TimeDelta::hours(hours);
    for (raw, why) in [
        (MESSAGE.to_owned(), "carries no signature of owners.test"),
        (sign(How { domain: "evil.test", ..usual() }), "carries no signature of owners.test"),
        (sign(How { domain: "sub.owners.test", ..usual() }), "carries no signature of owners.test"),
        (world.sign(&from_sub, &usual()), "carries no signature of sub.owners.test"),
        (good.replace("approve", "decline"), "does not hold"),
        (good.replace("[#ABC]", "[#ABD]"), "does not hold"),
        (good.replace("Ada <ada@", "Ada <bob@"), "does not hold"),
        (good.replace("Subject:", "Subject: x\r\nSubject:"), "more than one Subject field"),
        (good.replace("Subject:", "From: eve@evil.test\r\nSubject:"), "more than one From field"),
        (
            good.replace("From: Ada <ada@owners.test>", "From: ada@owners.test, eve@evil.test"),
            "exactly one address",
        ),
        (sign(How { headers: &["Subject", "Date", "To"], ..usual() }), "leaves out the from field"),
        (sign(How { headers: &["From", "Date"], ..usual() }), "leaves out the subject field"),
        (sign(How { headers: &["From", "Subject"], ..usual() }), "leaves out the date field"),
        (sign(How { selector: "trial", ..usual() }), "only being tested"),
        (sign(How { selector: "unknown", ..usual() }), "does not hold"),
        (sign(How { tags: made(later(-49)), ..usual() }), "older than 48 hours"),
        (sign(How { tags: made(later(1)), ..usual() }), "made in the future"),
        (
            sign(How { tags: format!("{}x={}; ", made(later(-2)), later(-1).timestamp()), ..usual() }),
            "has expired",
        ),
        (
            sign(How { tags: format!("{}l=5; ", made(now())), ..usual() }),
            "carries no signature of owners.test",
        ),
        (sign(How { tags: format!("{}l=0; ", made(now())), ..usual() }), "covers only the beginning"),
        (
            world.sign(
                &MESSAGE.replace("Thu, 3 Dec 2026", "Thu, 26 Nov 2026"),
                &How { tags: String::new(), ..usual() },
            ),
            "older than 48 hours",
        ),
        (
            world.sign(
                &MESSAGE.replace("owners.test", "nopolicy.test"),
                &How { domain: "nopolicy.test", ..usual() },
            ),
            "has no DMARC policy",
        ),
    ] {
        match world.check(&raw).await {
            Trust::Unauthenticated(reason) => assert!(reason.contains(why), "{reason} instead of {why}"),
            other => panic!("{other:?} for {raw}"),
        }
    }
    let many = (0..9).fold(MESSAGE.to_owned(), |message, _| world.sign(&message, &usual()));
    assert!(
        matches!(world.check(&many).await, Trust::Unauthenticated(why) if why.contains("more than 8 signatures"))
    );
}

#[tokio::test]
async fn a_name_server_that_is_silent_delays_and_never_approves() {
    let mut world = world();
    let silent = MESSAGE.replace("owners.test", "silent.test");
    let raw = world.sign(&silent, &How { domain: "silent.test", ..usual() });
    assert!(matches!(world.check(&raw).await, Trust::TryLater(_)));
    world.records.insert("_dmarc.owners.test".to_owned(), "!".to_owned());
    assert!(matches!(world.check(&world.sign(MESSAGE, &usual())).await, Trust::TryLater(_)));
    // Another signature that cannot be checked does not spoil a good one, nor does it help a bad one.
    let other = How { domain: "silent.test", ..usual() };
    let both = world.sign(MESSAGE, &other);
    assert!(matches!(world.check(&both).await, Trust::Unauthenticated(_)));
    world.records.insert("_dmarc.owners.test".to_owned(), "v=DMARC1; p=reject".to_owned());
    assert_eq!(world.check(&world.sign(&world.sign(MESSAGE, &usual()), &other)).await, by_signature(true));
}

#[tokio::test]
async fn nobody_is_asked_about_signatures_of_other_domains() {
    let world = world();
    // Whoever is asked here never answers.
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let settings = AuthSettings { resolver: Some(silent.local_addr().unwrap()), ..world.settings.clone() };
    let authenticator = Authenticator::new(settings).unwrap();
    let other = How { domain: "evil.test", ..usual() };
    let raw = (0..8).fold(MESSAGE.to_owned(), |message, _| world.sign(&message, &other));
    let trust = authenticator.check(raw.as_bytes(), now()).await;
    assert!(
        matches!(&trust, Trust::Unauthenticated(why) if why.contains("carries no signature of owners.test")),
        "{trust:?}"
    );
    let asked = silent.try_recv_from(&mut [0_u8; 1]).unwrap_err();
    assert_eq!(asked.kind(), std::io::ErrorKind::WouldBlock, "no question came");
}

#[tokio::test]
async fn the_word_of_our_own_mail_server_counts_and_no_other() {
    let mut world = world();
    // The mail server changed the body, so the signature itself does not hold any more.
    let changed =
        world.sign(MESSAGE, &usual()).replace("approve\r\n", "CAUTION: external\r\n\r\napprove\r\n");
    let with = |results: &[&str]| {
        let results: String =
            results.iter().map(|line| format!("Authentication-Results: {line}\r\n")).collect();
        format!("{results}{changed}")
    };
    let good = "mx.patch.test;\r\n\tdkim=pass (2048) header.d=owners.test header.s=s1;\r\n\tdmarc=pass header.from=owners.test";
    assert!(matches!(world.check(&with(&[good])).await, Trust::Unauthenticated(_)), "nobody is configured");
    world.settings.authserv_ids = vec!["mx.patch.test".to_owned()];
    let by = Proof::Results { authserv_id: "mx.patch.test".to_owned() };
    let vouched = Trust::Authenticated {
        by,
        content_type_signed: true,
        signed_leads: Vec::new(),
        fingerprint: String::new(),
    };
    assert_eq!(world.check(&with(&[good])).await, vouched);
    assert_eq!(world.check(&with(&["mx.else.test; none", good])).await, vouched);
    for lines in [
        &["mx.evil.test; dkim=pass header.d=owners.test; dmarc=pass"][..],
        &["mx.patch.test; dkim=fail header.d=owners.test; dmarc=fail", good],
        &["mx.patch.test; none", good],
        &["mx.patch.test; dkim=pass header.d=owners.test"],
        &["mx.patch.test; dkim=pass header.d=evil.test; dmarc=pass"],
        &["mx.patch.test; dkim=pass header.d=sub.owners.test; dmarc=pass"],
        &["mx.patch.test; dkim=pass header.i=@owners.test; dmarc=pass"],
        &["mx.patch.test; spf=pass; arc=pass; dmarc=pass header.from=owners.test"],
        &["mx.patch.test; dkim=pass header.d=owners.test; dmarc=pass header.from=evil.test"],
        &["mx.patch.test; dkim=neutral header.d=owners.test; dmarc=bestguesspass"],
        &["mx.patch.test; dkim=pass header.d=owners.test header.s=other; dmarc=pass"],
        &["mx.patch.test; dkim=pass header.d=owners.test header.b=AAAAAAAA; dmarc=pass"],
        &["mx.patch.test; x=\"; dkim=pass header.d=owners.test; dmarc=pass\""],
        &["mx.patch.test (; dkim=pass header.d=owners.test; dmarc=pass)"],
    ] {
        let trust = world.check(&with(lines)).await;
        assert!(matches!(trust, Trust::Unauthenticated(_)), "{lines:?} {trust:?}");
    }
    // What the server checked must be fresh, and cover the fields that are read.
    for how in [
        How { headers: &["From", "Date"], ..usual() },
        How { tags: made(now() - TimeDelta::hours(49)), ..usual() },
    ] {
        let raw = format!(
            "Authentication-Results: {good}\r\n{}",
            world.sign(MESSAGE, &how).replace("approve", "x")
        );
        assert!(matches!(world.check(&raw).await, Trust::Unauthenticated(_)));
    }
}

#[tokio::test]
async fn a_made_up_signature_beside_an_old_one_is_not_what_our_mail_server_checked() {
    let mut world = world();
    world.settings.authserv_ids = vec!["mx.patch.test".to_owned()];
    let month_ago = made(now() - TimeDelta::days(30));
    let old = world.sign(MESSAGE, &How { tags: month_ago.clone(), ..usual() });
    // The library refuses to read a signature with a length; other mail servers may believe it.
    let old_in_part = world.sign(MESSAGE, &How { tags: format!("{month_ago}l=5; "), ..usual() });
    for old in [old, old_in_part] {
        let begin = old.split_once("; b=").unwrap().1.get(..8).unwrap();
        let made_up = format!(
            "DKIM-Signature: v=1; a=ed25519-sha256; c=simple/simple; d=Owners.test; s=s1; {}h=From:Subject:Date; bh=AAAA; b={begin}AAAA\r\n",
            made(now()),
        );
        for checked in [
            format!(
                "dkim=pass header.d=owners.test header.b={begin}; dkim=fail header.d=owners.test header.b={begin}"
            ),
            format!("dkim=pass header.d=owners.test header.b={begin}; dkim=fail header.b={begin}"),
            format!("dkim=pass header.d=owners.test header.b={begin}"),
            "dkim=pass header.d=owners.test".to_owned(),
        ] {
            for signed in [format!("{made_up}{old}"), old.replacen("\r\n", &format!("\r\n{made_up}"), 1)] {
                let raw = format!("Authentication-Results: mx.patch.test; {checked}; dmarc=pass\r\n{signed}");
                let trust = world.check(&raw).await;
                assert!(matches!(trust, Trust::Unauthenticated(_)), "{checked} {trust:?}");
            }
        }
    }
    // Another domain's signature is nothing to take the one for.
    let both = world.sign(&world.sign(MESSAGE, &usual()), &How { domain: "evil.test", ..usual() });
    let raw = format!(
        "Authentication-Results: mx.patch.test; dkim=fail header.d=evil.test; dkim=pass header.d=owners.test; dmarc=pass\r\n{}",
        both.replace("approve\r\n", "CAUTION: external\r\n\r\napprove\r\n")
    );
    let by = Proof::Results { authserv_id: "mx.patch.test".to_owned() };
    assert_eq!(
        world.check(&raw).await,
        Trust::Authenticated {
            by,
            content_type_signed: true,
            signed_leads: Vec::new(),
            fingerprint: String::new()
        }
    );
}

#[tokio::test]
async fn a_field_leads_to_a_notice_only_when_every_one_of_its_name_is_signed() {
    let mut world = world();
    let message = MESSAGE.replace(
        "MIME-Version",
        "In-Reply-To: <7@patch.test>\r\nResent-To: patchbot@patch.test\r\nMIME-Version",
    );
    let more =
        How { headers: &["From", "Subject", "Date", "in-reply-to", "Resent-To", "Cc", "Cc"], ..usual() };
    let checked = "Authentication-Results: mx.patch.test; dkim=pass header.d=owners.test; dmarc=pass\r\n";
    // What our own mail server has checked is no more signed than what we check.
    for results in ["", checked] {
        world.settings.authserv_ids =
            if results.is_empty() { Vec::new() } else { vec!["mx.patch.test".to_owned()] };
        let leads = async |signed: String, name: &str| match world
            .check_whole(&format!("{results}{signed}"), now())
            .await
        {
            Trust::Authenticated { signed_leads, .. } => signed_leads.contains(&name),
            other => panic!("{other:?}"),
        };
        for (how, name, signed) in [
            (&usual(), "Subject", true),
            (&usual(), "To", true),
            (&usual(), "In-Reply-To", false),
            (&usual(), "Resent-To", false),
            (&more, "In-Reply-To", true),
            (&more, "Resent-To", true),
            (&more, "To", false),
        ] {
            assert_eq!(leads(world.sign(&message, how), name).await, signed, "{name}");
        }
        for added in ["Delivered-To", "References", "Resent-To"] {
            let raw = format!("{added}: <8@patch.test>\r\n{}", world.sign(&message, &more));
            assert!(!leads(raw, added).await, "{added}");
        }
    }
    // Signed as absent, it cannot be added at all.
    world.settings.authserv_ids = Vec::new();
    let raw = format!("Cc: bob@owners.test\r\n{}", world.sign(&message, &more));
    assert!(matches!(world.check(&raw).await, Trust::Unauthenticated(_)));
}

#[tokio::test]
async fn a_trusted_domain_is_believed_by_its_exact_name_only() {
    let mut world = world();
    world.settings.trusted_domains = vec!["Owners.test".to_owned()];
    let by = Proof::TrustedDomain("owners.test".to_owned());
    let trust = Trust::Authenticated {
        by,
        content_type_signed: false,
        signed_leads: Vec::new(),
        fingerprint: String::new(),
    };
    assert_eq!(world.check(MESSAGE).await, trust);
    for from in ["ada@sub.owners.test", "ada@evil-owners.test", "ada@owners.test.evil.test"] {
        let raw = MESSAGE.replace("ada@owners.test", from);
        assert!(matches!(world.check(&raw).await, Trust::Unauthenticated(_)), "{from}");
    }
    let two = MESSAGE.replace("From: ", "From: eve@evil.test\r\nFrom: ");
    assert!(matches!(world.check(&two).await, Trust::Unauthenticated(_)));
}

#[tokio::test]
async fn a_real_signer_and_a_real_name_server_agree_with_us() {
    let lab = Lab::start().await.unwrap();
    let (mut dns, mail) = tokio::try_join!(lab.dns(), lab.mail()).unwrap();
    let at = now();
    let settings =
        AuthSettings { resolver: Some(dns.address()), timeout: Duration::from_secs(2), ..world().settings };
    let check = async |settings: &AuthSettings, signature: Signature| {
        let letter = Letter::new("ada@owners.test", "bot@patchbot.test", at).subject("Re: x").text("approve");
        let raw = mail.sign(&letter.signed_by(signature.at(at))).await.unwrap();
        Authenticator::new(settings.clone()).unwrap().check(&raw, at).await
    };
    let ours = || Signature::of("owners.test");
    for good in [ours(), ours().algorithm(Algorithm::Ed25519Sha256), ours().canonicalization("simple/simple")]
    {
        let trust = check(&settings, good).await;
        assert!(matches!(trust, Trust::Authenticated { by: Proof::Signature { .. }, .. }), "{trust:?}");
    }
    let reason = |trust| match trust {
        Trust::Unauthenticated(why) => why,
        other => panic!("{other:?}"),
    };
    assert!(reason(check(&settings, ours().algorithm(Algorithm::RsaSha1)).await).contains("SHA-1"));
    assert!(reason(check(&settings, ours().body_length()).await).contains("carries no signature"));
    assert!(reason(check(&settings, Signature::of("stranger.test")).await).contains("carries no signature"));
    assert!(reason(check(&settings, ours().with_key_of("stranger.test")).await).contains("does not hold"));
    dns.stop().await.unwrap();
    let trust = check(&settings, ours()).await;
    assert!(matches!(trust, Trust::TryLater(_)), "{trust:?}");
}
