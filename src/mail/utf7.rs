//! Folder names as IMAP writes them: modified UTF-7 (RFC 3501, 5.1.3), so that "Entwürfe" is found.

use data_encoding::{Encoding, Specification};

/// Base64 with a comma for the slash, and without padding.
fn base64() -> Option<Encoding> {
    let mut specification = Specification::new();
    specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,");
    specification.encoding().ok()
}

/// A folder's name as it is sent to the server.
#[must_use]
pub fn encoded(folder: &str) -> String {
    let mut out = String::with_capacity(folder.len());
    let mut foreign: Vec<u8> = Vec::new();
    let flush = |foreign: &mut Vec<u8>, out: &mut String| {
        if let (false, Some(base64)) = (foreign.is_empty(), base64()) {
            out.push('&');
            out.push_str(&base64.encode(foreign));
            out.push('-');
            foreign.clear();
        }
    };
    for c in folder.chars() {
        if c == '&' {
            flush(&mut foreign, &mut out);
            out.push_str("&-");
        } else if matches!(c, ' '..='~') {
            flush(&mut foreign, &mut out);
            out.push(c);
        } else {
            let mut units = [0_u16; 2];
            for unit in c.encode_utf16(&mut units) {
                foreign.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    flush(&mut foreign, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_written_as_the_standard_shows_them() {
        for (name, written) in [
            ("INBOX", "INBOX"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("R&D", "R&-D"),
            ("Gelöscht & weg", "Gel&APY-scht &- weg"),
            ("🛠", "&2D3e4A-"),
        ] {
            assert_eq!(encoded(name), written);
        }
    }

    proptest! {
        #[test]
        fn what_is_sent_is_plain(name in any::<String>()) {
            prop_assert!(encoded(&name).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
