//! The addresses and ids that are ours, made in one place and recognised in the same.

use crate::domain::ids::NoticeId;
use crate::domain::person::Address;

use super::token::Token;

/// The installation's mail address, and what is derived from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    address: Address,
}

impl Ours {
    /// Everything is derived from the one address that notices come from.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { address }
    }

    /// The address notices come from: `patchbot@example.org`.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn mailbox(&self) -> &str {
        self.address.as_str().split_once('@').map_or("", |(mailbox, _)| mailbox)
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.address.domain()
    }

    /// Where answers to a notice go: `patchbot+abcd…@example.org`.
    #[must_use]
    pub fn reply_address(&self, token: &Token) -> String {
        token.address(self.mailbox(), self.domain())
    }

    /// The envelope sender of a notice, so that a bounce names the notice: `patchbot-bounce+0190…@example.org`.
    #[must_use]
    pub fn bounce_address(&self, notice: NoticeId) -> String {
        format!("{}-bounce+{}@{}", self.mailbox(), notice.0.simple(), self.domain())
    }

    /// The Message-ID of a notice, the same at every attempt to deliver it: `<0190…@example.org>`.
    #[must_use]
    pub fn message_id(&self, notice: NoticeId) -> String {
        format!("<{}@{}>", notice.0, self.domain())
    }

    /// Whether an address is ours: the one notices come from, one that answers go to, or one for bounces.
    #[must_use]
    pub fn is_ours(&self, address: &str) -> bool {
        let Some((local, domain)) = address.rsplit_once('@') else { return false };
        let local = local.split_once('+').map_or(local, |(name, _)| name);
        let ours = self.mailbox();
        domain.eq_ignore_ascii_case(self.domain())
            && (local.eq_ignore_ascii_case(ours)
                || strip_bounce(local).is_some_and(|name| name.eq_ignore_ascii_case(ours)))
    }

    /// The notice that bounced, when an address is one for bounces.
    #[must_use]
    pub fn bounced(&self, address: &str) -> Option<NoticeId> {
        let (local, _) = address.rsplit_once('@')?;
        let (name, id) = local.split_once('+')?;
        let ours = strip_bounce(name)?.eq_ignore_ascii_case(self.mailbox());
        ours.then(|| id.parse().ok().map(NoticeId)).flatten()
    }

    /// The notice that a Message-ID belongs to, with its brackets or without; `None` when it is not one of ours.
    #[must_use]
    pub fn notice_of(&self, message_id: &str) -> Option<NoticeId> {
        let (id, domain) = message_id.trim().trim_matches(['<', '>']).rsplit_once('@')?;
        domain.eq_ignore_ascii_case(self.domain()).then(|| id.parse().ok().map(NoticeId)).flatten()
    }
}

fn strip_bounce(local: &str) -> Option<&str> {
    let at = local.len().checked_sub("-bounce".len())?;
    let (name, suffix) = local.split_at_checked(at)?;
    suffix.eq_ignore_ascii_case("-bounce").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn what_is_made_here_is_recognised_here() {
        let ours = Ours::new(Address::parse("PatchBot@patch.test").unwrap());
        let notice = NoticeId(Uuid::from_u128(7));
        assert_eq!(
            ours.bounce_address(notice),
            "patchbot-bounce+00000000000000000000000000000007@patch.test"
        );
        assert_eq!(ours.bounced(&ours.bounce_address(notice).to_uppercase()), Some(notice));
        assert_eq!(ours.message_id(notice), "<00000000-0000-0000-0000-000000000007@patch.test>");
        assert_eq!(ours.notice_of(&ours.message_id(notice)), Some(notice));
        assert_eq!(ours.notice_of("<00000000-0000-0000-0000-000000000007@else.test>"), None);
        assert_eq!(ours.notice_of("<x@patch.test>"), None);
        for address in ["patchbot@patch.test", "PATCHBOT+abc@Patch.Test", &ours.bounce_address(notice)] {
            assert!(ours.is_ours(address), "{address}");
        }
        for address in
            ["patchbot@else.test", "ada@patch.test", "patchbot", "xpatchbot@patch.test", "-bounce@patch.test"]
        {
            assert!(!ours.is_ours(address), "{address}");
        }
    }
}
