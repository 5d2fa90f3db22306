//! Mail that no person typed: our own, bounces, receipts, automatic answers and lists. It is never answered.

use std::sync::LazyLock;

use patchbot_commands::folded;

use super::headers::Section;
use super::mime::{Leaf, Part};
use crate::domain::ids::NoticeId;
use crate::domain::person::Address;
use crate::mail::lists::Beginnings;
use crate::mail::ours::Ours;

/// What a machine sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Machine {
    /// It came from us: our address or our mark.
    Own,
    /// Something about the delivery of a notice.
    Delivery(Box<Delivery>),
    /// Somebody's mail program says that a notice was shown.
    Receipt,
    /// An automatic answer.
    AutoReply(Box<AutoReply>),
    /// A mailing list, or mail in bulk.
    List,
}

/// What became of a notice on its way (RFC 3464).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    /// The notice, when the bounce names it.
    pub notice: Option<NoticeId>,
    /// Whether it will not arrive: `action` is `failed`, or the bounce does not say.
    pub failed: bool,
    /// Whom it was for.
    pub recipient: Option<String>,
    /// The status: `5.1.1`.
    pub status: Option<String>,
    /// What the other server said.
    pub diagnostic: Option<String>,
}

/// An automatic answer. Of an absence the operators are told; it decides nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoReply {
    /// Whether it says that its sender is away.
    pub away: bool,
    /// Who sent it.
    pub from: Option<Address>,
    /// Its subject.
    pub subject: String,
    /// The first lines of its text.
    pub text: String,
    /// What it answers, without brackets.
    pub answers: Vec<String>,
    /// When it says it was sent.
    pub sent: Option<chrono::DateTime<chrono::Utc>>,
}

/// How a message looks from its headers alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Own,
    Bounce,
    Receipt,
    AutoReply { away: bool },
    List,
    Human,
}

/// Beginnings of the subjects of automatic answers.
const AWAY: &[&str] = &[
    "automatic reply",
    "auto reply",
    "auto-reply",
    "autoreply",
    "auto:",
    "automated reply",
    "out of office",
    "out of the office",
    "out-of-office",
    "ooo:",
    "on leave",
    "away from",
    "automatische antwort",
    "abwesend",
    "abwesenheit",
    "réponse automatique",
    "reponse automatique",
    "absence du bureau",
    "absent du bureau",
    "absence :",
    "respuesta automática",
    "respuesta automatica",
    "fuera de la oficina",
    "fuera de oficina",
    "risposta automatica",
    "fuori sede",
    "fuori ufficio",
    "assente",
    "resposta automática",
    "resposta automatica",
    "fora do escritório",
    "fora do escritorio",
    "ausência",
    "automatisch antwoord",
    "automatische antwoord",
    "afwezig",
    "niet aanwezig",
    "autosvar",
    "automatiskt svar",
    "automatisk svar",
    "frånvaro",
    "frånvarande",
    "fravær",
    "fraværende",
    "ikke på kontoret",
    "automaattinen vastaus",
    "poissa",
    "lomalla",
    "poissaolo",
    "automatyczna odpowiedź",
    "autoodpowiedź",
    "odpowiedź automatyczna",
    "poza biurem",
    "nieobecność",
    "automatická odpověď",
    "automatická odpoveď",
    "mimo kancelář",
    "nepřítomnost",
    "автоматический ответ",
    "автоответ",
    "отсутствую",
    "вне офиса",
    "otomatik yanıt",
    "otomatik cevap",
    "ofis dışında",
    "iş yerinde yok",
    "自動応答",
    "自動返信",
    "不在",
    "自动答复",
    "自动回复",
    "外出",
    "自動回覆",
    "不在辦公室",
    "자동 회신",
    "자동 응답",
    "부재 중",
    "부재중",
];

static AWAY_BEGINS: LazyLock<Beginnings> = LazyLock::new(|| Beginnings::new(AWAY));

pub(super) fn classify(section: &Section<'_>, ours: &Ours) -> Class {
    let from = section.addresses("From");
    if section.all("X-Patchbot-Notice").next().is_some() || from.iter().any(|address| ours.is_ours(address)) {
        return Class::Own;
    }
    let content_type = section.keyword("Content-Type").unwrap_or_default();
    if content_type.starts_with("multipart/report") {
        let receipt = content_type.contains("disposition-notification");
        return if receipt { Class::Receipt } else { Class::Bounce };
    }
    let subject = section.text("Subject").unwrap_or_default();
    let away = AWAY_BEGINS.begin(&folded(&subject));
    let automatic = section
        .keyword("Auto-Submitted")
        .is_some_and(|value| value.split([';', ' ', '(']).next().unwrap_or_default() != "no");
    let precedence = section.keyword("Precedence").unwrap_or_default();
    let answers = ["X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply", "X-Mail-Autoreply"];
    let marked = answers.iter().any(|name| section.keyword(name).is_some_and(|value| value != "no"));
    if away || automatic || marked || precedence == "auto_reply" {
        return Class::AutoReply { away };
    }
    let no_way_back = section.all("Return-Path").any(|value| value.trim_ascii() == b"<>");
    let daemon = from.iter().any(|address| {
        let local = address.split(['@', '+']).next().unwrap_or_default();
        matches!(local, "mailer-daemon" | "postmaster")
    });
    if no_way_back || daemon || section.all("X-Failed-Recipients").next().is_some() {
        return Class::Bounce;
    }
    let lists = ["List-Id", "List-Post", "List-Unsubscribe", "Mailing-List"];
    if matches!(precedence.as_str(), "bulk" | "list" | "junk")
        || lists.iter().any(|name| section.all(name).next().is_some())
    {
        return Class::List;
    }
    Class::Human
}

/// Reads what a bounce says, as far as it says it.
pub(super) fn delivery(
    section: &Section<'_>,
    part: Option<&Part<'_>>,
    ours: &Ours,
    recipients: &[String],
) -> Delivery {
    let mut delivery = Delivery { failed: true, ..Delivery::default() };
    delivery.notice = recipients.iter().find_map(|address| ours.bounced(address));
    let thread = || section.ids("In-Reply-To").into_iter().chain(section.ids("References"));
    delivery.notice = delivery.notice.or_else(|| thread().find_map(|id| ours.notice_of(&id)));
    for leaf in part.into_iter().flat_map(leaves) {
        match leaf.kind.as_str() {
            "message/delivery-status" => status(&leaf.text().text, &mut delivery),
            "message/rfc822" | "text/rfc822-headers" | "message/rfc822-headers" => {
                let original = leaf.text().text;
                let headers = Section::cut(original.as_bytes());
                let notice = headers.ids("Message-ID").iter().find_map(|id| ours.notice_of(id));
                delivery.notice = delivery.notice.or(notice);
            }
            _ => {}
        }
    }
    delivery
}

fn status(text: &str, delivery: &mut Delivery) {
    // The groups of fields are cut by empty lines; the first group is about the message, the others about recipients.
    for group in text.split("\n\n") {
        let fields = Section::cut(group.as_bytes());
        let tail = |name: &str| {
            let value = fields.text(name)?;
            Some(value.split_once(';').map_or(value.as_str(), |(_, tail)| tail).trim().to_owned())
        };
        if let Some(action) = fields.keyword("Action") {
            delivery.failed = action == "failed";
        }
        delivery.status = delivery.status.take().or_else(|| fields.text("Status"));
        delivery.recipient = delivery.recipient.take().or_else(|| tail("Final-Recipient"));
        delivery.diagnostic = delivery.diagnostic.take().or_else(|| tail("Diagnostic-Code"));
    }
}

/// All parts that hold no further parts.
pub(super) fn leaves<'p, 'a>(part: &'p Part<'a>) -> Vec<&'p Leaf<'a>> {
    match part {
        Part::Leaf(leaf) => vec![leaf],
        Part::Several { parts, .. } => parts.iter().flat_map(leaves).collect(),
    }
}
