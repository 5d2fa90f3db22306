//! The keys of the lab's mail: DKIM keys of each domain, and a certificate authority for TLS.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{DOMAINS, LAST, UNSIGNED};
use crate::cache;
use crate::process::run_now;
use crate::slot::SLOTS;

/// The script that signs letters and makes the keys that openssl cannot write down as DKIM wants them.
pub(crate) const SIGN: &str = include_str!("../scripts/sign.py");

/// The selector of a domain's RSA key, and of its ed25519 key.
pub(crate) const RSA: &str = "lab";
pub(crate) const ED25519: &str = "labed";

/// The folder with the private keys `<domain>.<selector>` and the texts of their DNS records.
#[derive(Debug, Clone)]
pub(crate) struct SigningKeys {
    folder: PathBuf,
}

/// Gives the DKIM keys of all signing domains, made once per machine.
pub(crate) fn signing_keys() -> Result<SigningKeys> {
    let folder = cache::once("dkim-keys-1", |folder| {
        for domain in DOMAINS.iter().filter(|domain| **domain != UNSIGNED) {
            rsa_key(folder, domain)?;
            ed25519_key(folder, domain)?;
        }
        Ok(())
    })?;
    Ok(SigningKeys { folder })
}

fn rsa_key(folder: &Path, domain: &str) -> Result<()> {
    let private = folder.join(format!("{domain}.{RSA}"));
    // dkimpy reads the traditional form.
    run_now(Command::new("openssl").args(["genrsa", "-traditional", "-out"]).arg(&private).arg("2048"))?;
    let public = run_now(Command::new("openssl").args(["rsa", "-pubout", "-in"]).arg(&private))?;
    let bare: String = public.lines().filter(|line| !line.starts_with("-----")).collect();
    fs::write(folder.join(format!("{domain}.{RSA}.txt")), format!("v=DKIM1; k=rsa; p={bare}"))?;
    Ok(())
}

fn ed25519_key(folder: &Path, domain: &str) -> Result<()> {
    let pair = run_now(Command::new("/usr/bin/python3").args(["-c", SIGN, "ed25519-key"]))?;
    let (private, public) = pair.split_once(' ').unwrap_or_default();
    fs::write(folder.join(format!("{domain}.{ED25519}")), private)?;
    fs::write(folder.join(format!("{domain}.{ED25519}.txt")), format!("v=DKIM1; k=ed25519; p={public}"))?;
    Ok(())
}

impl SigningKeys {
    /// The file of a private key.
    pub(crate) fn private(&self, domain: &str, selector: &str) -> PathBuf {
        self.folder.join(format!("{domain}.{selector}"))
    }

    /// The TXT records of a world in which nothing is forged.
    pub(crate) fn records(&self) -> Result<BTreeMap<String, String>> {
        let mut records = BTreeMap::new();
        for domain in DOMAINS {
            let mut policy = "v=DMARC1; p=none";
            if *domain != UNSIGNED {
                policy = "v=DMARC1; p=reject; adkim=s; aspf=s";
                for selector in [RSA, ED25519] {
                    let text = fs::read_to_string(self.folder.join(format!("{domain}.{selector}.txt")))?;
                    records.insert(format!("{selector}._domainkey.{domain}"), text);
                }
            }
            records.insert((*domain).to_owned(), "v=spf1 ip4:127.0.0.0/8 -all".to_owned());
            records.insert(format!("_dmarc.{domain}"), policy.to_owned());
        }
        Ok(records)
    }
}

/// Gives the folder with `ca.pem`, and `crt.pem` and `key.pem` of the mail server of every slot.
pub(crate) fn tls() -> Result<PathBuf> {
    cache::once("mail-tls-1", |folder| {
        let names: Vec<String> = DOMAINS
            .iter()
            .map(|domain| format!("DNS:mail.{domain}"))
            .chain((0..SLOTS).map(|slot| format!("IP:127.40.{slot}.{LAST}")))
            .collect();
        fs::write(folder.join("names"), format!("subjectAltName=DNS:localhost,{}\n", names.join(",")))?;
        let openssl = |arguments: &[&str]| {
            let mut command = Command::new("openssl");
            run_now(command.current_dir(folder).args(arguments)).map(drop)
        };
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let authority = ["req", "-x509", "-days", "3650", "-subj", "/CN=patchbot lab", "-keyout", "ca.key"];
        let basic = ["-out", "ca.pem", "-addext", "basicConstraints=critical,CA:TRUE"];
        openssl(&[&authority[..], &curve[..], &basic[..]].concat())?;
        let request = ["req", "-subj", "/CN=mail.patchbot.test", "-keyout", "key.pem", "-out", "csr.pem"];
        openssl(&[&request[..], &curve[..]].concat())?;
        let sign = ["x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "3650"];
        openssl(&[&sign[..], &["-CAcreateserial", "-out", "crt.pem", "-extfile", "names"]].concat())
    })
}
