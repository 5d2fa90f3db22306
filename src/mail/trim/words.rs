//! The words by which quotes, signatures and footers are recognised, in the languages of the mail programs.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use memchr::memchr2;
use patchbot_commands::{folded, is_exclusion};

use crate::mail::lists::Beginnings;

/// The fields of the header block that Outlook and its kin put above what is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    From,
    Sent,
    To,
    Cc,
    Subject,
}

use Label::{Cc, From, Sent, Subject, To};

/// Labels in lower case.
const LABELS: &[(Label, &[&str])] = &[
    (
        From,
        &[
            "from", "von", "de", "da", "van", "od", "från", "fra", "lähettäjä", "от", "от кого", "kimden",
            "gönderen", "差出人", "送信者", "发件人", "寄件者", "寄件人", "보낸 사람", "보낸사람", "feladó",
            "de la", "expéditeur", "mittente", "afsender", "avsändare", "avsender", "remitente", "remetente",
            "absender",
        ],
    ),
    (
        Sent,
        &[
            "sent", "date", "sent on", "gesendet", "datum", "envoyé", "envoyé le", "date d'envoi", "enviado",
            "enviado el", "enviado em", "enviada", "enviada em", "fecha", "data", "inviato", "data invio",
            "verzonden", "verzonden op", "wysłano", "wysłane", "skickat", "skickades", "sendt", "dato",
            "lähetetty", "päivämäärä", "päiväys", "odesláno", "отправлено", "дата", "gönderildi",
            "gönderme tarihi", "gönderim tarihi", "tarih", "送信日時", "日時", "日付", "发送时间",
            "发送日期", "日期", "寄件日期", "傳送時間", "時間", "时间", "보낸 날짜", "보낸날짜", "날짜",
            "elküldve", "dátum", "trimis", "sendedatum", "gesendet am",
        ],
    ),
    (
        To,
        &[
            "to", "an", "à", "a", "para", "aan", "do", "komu", "till", "til", "vastaanottaja", "кому",
            "kime", "alıcı", "宛先", "收件人", "收件者", "받는 사람", "받는사람", "címzett", "către",
            "destinataire", "destinatario", "destinatário", "modtager", "mottagare", "mottaker", "empfänger",
        ],
    ),
    (
        Cc,
        &[
            "cc", "kopie", "kopia", "kopio", "copie", "copia", "cópia", "dw", "do wiadomości", "в копии",
            "копия", "bilgi", "抄送", "副本", "참조", "reply-to", "reply to", "antwort an", "importance",
            "wichtigkeit", "priority", "attachments", "anlagen", "attachment",
        ],
    ),
    (
        Subject,
        &[
            "subject", "betreff", "objet", "asunto", "oggetto", "assunto", "onderwerp", "temat", "ämne",
            "emne", "aihe", "předmět", "тема", "konu", "件名", "主题", "主旨", "主題", "제목", "tárgy",
            "subiect", "predmet",
        ],
    ),
];

static LABELLED: LazyLock<HashMap<&'static str, Label>> = LazyLock::new(|| {
    let all = LABELS.iter().flat_map(|(label, names)| names.iter().map(|name| (*name, *label)));
    // From the last on, so that of two labels with the same name the first one counts.
    all.rev().collect()
});

/// The label that a line of a header block begins with: `*Von:* patchbot`.
pub(super) fn label(line: &str) -> Option<Label> {
    const LONGEST: usize = 40;
    const LONGEST_NAME: usize = 24;
    // Either colon, the wide one by its first byte.
    memchr2(b':', 0xef, line.as_bytes())?;
    let end = line.char_indices().take(LONGEST).find(|(_, c)| matches!(c, ':' | '：')).map(|(at, _)| at)?;
    let name = line.get(..end)?.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | '|'));
    if name.is_empty() || name.len() > LONGEST_NAME.saturating_mul(2) {
        return None;
    }
    LABELLED.get(&*folded(name)).copied()
}

/// Beginnings of the line that introduces a quote.
const OPENERS: &[&str] = &[
    "on ", "am ", "le ", "el ", "il ", "em ", "op ", "den ", "w dniu ", "dnia ", "dne ", "na ", "på ", "în ",
    "a ", "quoting ", "in article ", "um ", "el día ", "em qua", "em seg", "em ter", "em qui", "em sex",
    "em sáb", "em dom",
];
/// What such a line says: "wrote".
const WROTE: &[&str] = &[
    "wrote", "writes", "written", "schrieb", "schreibt", "geschrieben", "écrit", "escribió", "escribio",
    "scritto", "scrive", "scrisse", "escreveu", "schreef", "geschreven", "napisał", "napisal", "pisze",
    "skrev", "skriver", "kirjoitti", "napsal", "píše", "napísal", "написал", "пишет", "писал", "писала",
    "пише", "yazdı", "yazdi", "写道", "寫道", "のメール", "書きました", "作성", "작성", "썼습니다", "보냄",
    "έγραψε", "scris", "írta", "said",
];

pub(super) fn opens_attribution(line: &str) -> bool {
    let folded = folded(line);
    OPENERS.iter().any(|opener| folded.starts_with(opener))
}

/// Beginnings that say it without a verb: "Quoting patchbot <…>:".
const QUOTING: &[&str] =
    &["quoting ", "zitat von ", "mensaje citado por ", "citando ", "citeren ", "cytowanie "];

pub(super) fn says_wrote(line: &str) -> bool {
    let folded = folded(line);
    WROTE.iter().any(|verb| folded.contains(verb)) || QUOTING.iter().any(|begin| folded.starts_with(begin))
}

/// What stands between dashes above what is answered or forwarded.
const ORIGINAL: &[&str] = &[
    "original message",
    "original appointment",
    "original-nachricht",
    "originalnachricht",
    "ursprüngliche nachricht",
    "ursprünglicher termin",
    "message d'origine",
    "message d’origine",
    "message original",
    "message initial",
    "mensaje original",
    "messaggio originale",
    "messaggio originario",
    "mensagem original",
    "oorspronkelijk bericht",
    "origineel bericht",
    "wiadomość oryginalna",
    "oryginalna wiadomość",
    "treść oryginalnej wiadomości",
    "ursprungligt meddelande",
    "originalmeddelande",
    "oprindelig meddelelse",
    "original meddelelse",
    "opprinnelig melding",
    "original melding",
    "alkuperäinen viesti",
    "původní zpráva",
    "původní e-mail",
    "исходное сообщение",
    "оригинальное сообщение",
    "пересылаемое сообщение",
    "özgün ileti",
    "orijinal mesaj",
    "orijinal ileti",
    "元のメッセージ",
    "元のメール",
    "原始邮件",
    "原始信息",
    "原始郵件",
    "原始訊息",
    "원본 메시지",
    "원본 메일",
    "원본메일",
    "eredeti üzenet",
    "mesaj original",
    "pôvodná správa",
    "forwarded message",
    "weitergeleitete nachricht",
    "message transféré",
    "mensaje reenviado",
    "messaggio inoltrato",
    "mensagem encaminhada",
    "doorgestuurd bericht",
    "przekazana wiadomość",
    "vidarebefordrat meddelande",
    "videresendt meddelelse",
    "videresendt melding",
    "begin forwarded message",
    "anfang der weitergeleiteten nachricht",
    "début du message transféré",
    "inicio del mensaje reenviado",
    "inizio messaggio inoltrato",
    "início da mensagem encaminhada",
    "reply message",
    "reply from",
    "转发邮件",
    "转发的邮件",
    "轉寄郵件",
];

static ORIGINALS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| ORIGINAL.iter().copied().collect());

pub(super) fn is_original(folded: &str) -> bool {
    ORIGINALS.contains(folded)
}

/// Beginnings of the line that telephones put under a mail.
const FOOTERS: &[&str] = &[
    "sent from my ", "sent from mail for ", "sent from outlook", "sent from yahoo", "sent from gmail",
    "sent from proton", "sent from samsung", "sent from blackberry", "sent from thunderbird",
    "sent from nine", "sent from bluemail", "sent from fairemail", "sent from aqua mail", "sent from spark",
    "sent from edison", "sent from airmail", "sent from front", "sent from superhuman", "sent from canary",
    "sent from the ", "sent from iphone", "sent from ipad", "sent from android", "sent from a ",
    "sent with proton", "sent with [", "sent with spark", "sent via ", "get outlook for ", "get bluemail",
    "download outlook for", "holen sie sich outlook für", "outlook für ", "von meinem ",
    "von mobil gesendet", "gesendet von ", "gesendet mit ", "diese nachricht wurde von meinem",
    "von outlook", "envoyé de mon ", "envoyé depuis ", "envoyé à partir d", "télécharger outlook",
    "obtenez outlook", "provenance : courrier pour windows", "enviado desde mi ", "enviado desde ",
    "obtener outlook", "inviato da ", "inviato dal mio ", "scarica outlook", "ottieni outlook",
    "enviado do meu ", "enviado do ", "enviado a partir d", "obter o outlook", "baixar o outlook",
    "verstuurd vanaf ", "verzonden vanaf ", "verzonden met ", "outlook voor ", "outlook downloaden",
    "wysłane z ", "wysłano z ", "pobierz program outlook", "pobierz aplikację outlook", "skickat från ",
    "skickades från ", "hämta outlook", "skaffa outlook", "sendt fra ", "hent outlook", "få outlook",
    "lähetetty ", "hanki outlook", "odesláno z ", "odesláno ze ", "odoslané z ", "získat outlook",
    "získejte outlook", "отправлено с ", "отправлено из ", "скачать outlook", "iphone'umdan gönderildi",
    "ipad'imden gönderildi", "iphone’umdan gönderildi", "outlook'u edinin", "iphoneから送信", "ipadから送信",
    "my iphoneから送信", "outlook for", "iphone版outlook", "从我的 ", "发自我的", "发自 ", "获取适用于",
    "從我的 ", "取得適用於", "寄自 ", "나의 iphone에서 보냄", "내 iphone에서 보냄", "iphone에서 보냄",
    "ios용 outlook", "android용 outlook", "sendt fra min ", "trimis de pe ", "küldve ", "envoyé avec ",
    "inviato con ", "sent using ", "composed on ", "typed on ", "sent on the go",
];

static FOOTER: LazyLock<Beginnings> = LazyLock::new(|| Beginnings::new(FOOTERS));

pub(super) fn is_footer(line: &str) -> bool {
    let folded = folded(line);
    FOOTER.begin(&folded) && folded.chars().count() <= 120 && is_harmless(line)
}

/// Lines that end a letter, as a whole and without punctuation at the end.
const SIGN_OFFS: &[&str] = &[
    "thanks",
    "thank you",
    "many thanks",
    "thanks and regards",
    "thanks & regards",
    "thanks and best regards",
    "thanks in advance",
    "thanks a lot",
    "thx",
    "best",
    "best regards",
    "kind regards",
    "warm regards",
    "regards",
    "best wishes",
    "cheers",
    "sincerely",
    "yours sincerely",
    "br",
    "kr",
    "thank you very much",
    "with kind regards",
    "with best regards",
    "all the best",
    "kindest regards",
    "yours faithfully",
    "yours truly",
    "respectfully",
    "mit freundlichen grüßen",
    "mit freundlichen grüssen",
    "mit freundlichem gruß",
    "freundliche grüße",
    "freundliche grüsse",
    "viele grüße",
    "viele grüsse",
    "beste grüße",
    "beste grüsse",
    "liebe grüße",
    "schöne grüße",
    "herzliche grüße",
    "gruß",
    "grüße",
    "grüsse",
    "mfg",
    "lg",
    "vg",
    "danke",
    "vielen dank",
    "danke und grüße",
    "cordialement",
    "bien cordialement",
    "très cordialement",
    "salutations",
    "sincères salutations",
    "bien à vous",
    "merci",
    "merci d'avance",
    "amicalement",
    "saludos",
    "un saludo",
    "saludos cordiales",
    "cordialmente",
    "atentamente",
    "gracias",
    "muchas gracias",
    "cordiali saluti",
    "distinti saluti",
    "saluti",
    "un saluto",
    "grazie",
    "atenciosamente",
    "cumprimentos",
    "com os melhores cumprimentos",
    "melhores cumprimentos",
    "obrigado",
    "obrigada",
    "abraços",
    "met vriendelijke groet",
    "met vriendelijke groeten",
    "vriendelijke groet",
    "groet",
    "groeten",
    "mvg",
    "bedankt",
    "dank je wel",
    "pozdrawiam",
    "z poważaniem",
    "z wyrazami szacunku",
    "dziękuję",
    "med vänlig hälsning",
    "med vänliga hälsningar",
    "vänliga hälsningar",
    "hälsningar",
    "mvh",
    "tack",
    "med venlig hilsen",
    "venlig hilsen",
    "hilsen",
    "med vennlig hilsen",
    "vennlig hilsen",
    "takk",
    "tak",
    "ystävällisin terveisin",
    "terveisin",
    "kiitos",
    "s pozdravem",
    "s přátelským pozdravem",
    "děkuji",
    "с уважением",
    "спасибо",
    "с наилучшими пожеланиями",
    "saygılarımla",
    "saygılarımızla",
    "iyi çalışmalar",
    "teşekkürler",
    "よろしくお願いします",
    "よろしくお願いいたします",
    "よろしくお願い致します",
    "此致",
    "谢谢",
    "祝好",
    "謝謝",
    "敬上",
    "감사합니다",
    "감사합니다.",
];

static SIGN_OFF: LazyLock<HashSet<&'static str>> = LazyLock::new(|| SIGN_OFFS.iter().copied().collect());

pub(super) fn is_sign_off(line: &str) -> bool {
    let folded = folded(line);
    let bare = folded.trim_end_matches(|c: char| {
        matches!(c, ',' | '.' | '!' | '-' | '–' | '、' | '。' | '，') || c.is_whitespace()
    });
    SIGN_OFF.contains(bare)
}

/// Beginnings of legal notices.
const DISCLAIMERS: &[&str] = &[
    "this e-mail and any", "this email and any", "this e-mail (including", "this email (including",
    "this e-mail is ", "this email is ", "this email may", "this e-mail may", "this email message",
    "this e-mail message", "this message and any", "this message is intended",
    "this message is confidential", "this message contains", "this message may contain",
    "this communication", "this transmission", "this electronic", "the information contained in",
    "the information in this", "the contents of this", "the content of this", "confidentiality notice",
    "confidentiality:", "confidential:", "disclaimer", "legal notice", "important notice:", "notice: this",
    "privileged", "please consider the environment", "please think of the environment",
    "think before you print", "save paper", "any views or opinions", "if you are not the intended",
    "if you have received this", "registered office", "registered in england", "company registration",
    "virus-free", "avast logo", "diese e-mail", "diese nachricht", "der inhalt dieser",
    "bitte denken sie an die umwelt", "bitte prüfen sie", "vertraulich", "sitz der gesellschaft",
    "geschäftsführ", "amtsgericht", "registergericht", "handelsregister", "informationen zum datenschutz",
    "ce message", "ce courriel", "cet e-mail", "cet email", "pensez à l'environnement", "avant d'imprimer",
    "este mensaje", "este correo", "antes de imprimir", "questo messaggio", "questa e-mail",
    "le informazioni contenute", "prima di stampare", "esta mensagem", "este e-mail", "este email",
    "dit bericht", "deze e-mail", "de informatie in", "denk aan het milieu", "ta wiadomość",
    "niniejsza wiadomość", "treść tej wiadomości", "detta meddelande", "detta e-postmeddelande",
    "denne e-mail", "denne meddelelse", "denne e-posten", "denne meldingen", "tämä viesti",
    "tämä sähköposti", "tato zpráva", "tento e-mail", "это сообщение", "настоящее сообщение",
    "данное сообщение", "bu e-posta", "bu mesaj", "このメール", "本メール", "本邮件", "此邮件", "本郵件",
    "이 메일", "본 메일", "이 이메일",
];

/// Words that legal notices are made of.
const LEGAL: &[&str] = &[
    "confidential", "intended", "recipient", "privileged", "disclos", "unauthori", "copyright", "liab",
    "legal", "virus", "environment", "print", "registered", "disclaimer", "vertraulich", "empfänger",
    "umwelt", "geschäftsführ", "amtsgericht", "handelsregister", "registergericht", "sitz", "hrb",
    "datenschutz", "confidentiel", "destinataire", "imprim", "confidencial", "destinat", "riservat",
    "stampa", "vertrouwelijk", "geadresseerde", "milieu", "poufn", "adresat", "konfidentiell", "mottagare",
    "fortrolig", "modtager", "mottaker", "luottamuksell", "důvěrn", "конфиденциальн", "получател", "gizli",
    "機密", "机密", "保密", "기밀",
];

pub(super) fn is_legal(paragraph: &str) -> bool {
    let folded = folded(paragraph);
    LEGAL.iter().any(|word| folded.contains(word))
}

static DISCLAIMER: LazyLock<Beginnings> = LazyLock::new(|| Beginnings::new(DISCLAIMERS));

/// Whether a paragraph is the beginning of a legal notice.
pub(super) fn is_disclaimer(paragraph: &str) -> bool {
    let folded = folded(paragraph);
    let bare = folded.trim_start_matches(|c: char| !c.is_alphanumeric());
    DISCLAIMER.begin(bare) && is_legal(bare)
}

/// Banners that gateways put on top of mail from outside.
pub(super) fn is_banner(paragraph: &str) -> bool {
    let folded = folded(paragraph);
    let bare = folded.trim_start_matches(|c: char| !c.is_alphanumeric());
    let warns = [
        "caution", "external", "warning", "attention", "achtung", "vorsicht", "extern",
        "this email originated", "this message originated", "this is an external",
        "you don't often get email", "you don\u{2019}t often get email",
        "some people who received this message",
    ];
    let outside = [
        "originated from outside", "outside of the organi", "outside the organi", "outside of your organi",
        "outside your organi", "outside of our organi", "outside our organi", "outside our company",
        "external sender", "external email", "external e-mail", "external source", "external mail",
        "often get email from", "do not click", "externe e-mail", "externer absender", "von außerhalb",
        "learn why this is important",
    ];
    let decides = ["approv", "declin", "patch", "defer", "postpon", "reschedul", "reboot"];
    warns.iter().any(|begins| bare.starts_with(begins))
        && outside.iter().any(|phrase| bare.contains(phrase))
        && !decides.iter().any(|stem| bare.contains(stem))
        && !excludes(bare)
        && !bare
            .split_whitespace()
            .any(|word| could_be_a_server(word.trim_matches(|c: char| !c.is_alphanumeric())))
}

/// Whether a line leaves something out: "Sent from my phone, db01 excluded".
fn excludes(line: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric()).any(|word| is_exclusion(&folded(word)))
}

/// Words that no signature has and every decision could.
const WEIGHTY: &[&str] = &[
    "not", "never", "none", "nor", "cannot", "without", "but", "except", "only", "after", "before", "until",
    "till", "unless", "if", "wait", "hold", "instead", "however", "although", "while", "then", "stop",
    "cancel", "proceed", "go", "ahead", "yes", "ok", "okay", "please", "pls", "i", "i'm", "i'll", "we",
    "we'll", "you", "should", "could", "would", "must", "can", "will", "want", "need", "postpone", "later",
    "tomorrow", "today", "tonight", "next", "monday", "tuesday", "wednesday", "thursday", "friday",
    "saturday", "sunday", "week", "nope", "all", "the", "this", "that", "these", "those", "both", "one",
    "two", "server", "servers", "host", "hosts", "machine", "machines", "line", "lines",
];

/// Parts of words that decide.
const DECIDING: &[&str] = &["approv", "declin", "reject", "refus", "disagree", "reschedul", "postpon"];

static DECIDES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let specs = patchbot_commands::CATALOG.iter().filter(|spec| !matches!(spec.name, "whoami" | "subscribe"));
    specs.flat_map(|spec| spec.words()).chain(WEIGHTY.iter().copied()).collect()
});

/// Whether a line could be part of a signature: names, titles, numbers and addresses, but nothing that decides.
pub(super) fn is_harmless(line: &str) -> bool {
    const LONGEST: usize = 160;
    if line.len() > LONGEST || line.contains(['?', '？']) {
        return false;
    }
    // "Reg. No. 12345678" is a number, "no" is an answer.
    let is_number = || line.chars().filter(char::is_ascii_digit).count() >= 5;
    line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '/' | '(' | ')' | '•' | '·')).all(
        |word| {
            let word = folded(word.trim_matches(|c: char| !c.is_alphanumeric()));
            let word = if word.contains('\u{2019}') { word.replace('\u{2019}', "'").into() } else { word };
            let decides = DECIDES.contains(&*word)
                || is_exclusion(&word)
                || word.ends_with("n't")
                || DECIDING.iter().any(|stem| word.contains(stem));
            !decides && (word != "no" || is_number()) && !could_be_a_server(&word)
        },
    )
}

/// `web01`, `db-3`, `mail.dmz.example.org`: what might be meant as a server, wherever it stands.
fn could_be_a_server(word: &str) -> bool {
    if !word.bytes().any(|byte| byte.is_ascii_digit() || byte == b'.') {
        return false;
    }
    let name = word.split('.').next().unwrap_or_default();
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = name.len().saturating_sub(stem.len());
    let letters = stem.chars().filter(char::is_ascii_alphabetic).count();
    let plain = stem.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
    let numbered = (1..=4).contains(&digits) && letters >= 2 && plain;
    let full = word.matches('.').count() >= 2 && !word.starts_with("www.") && !word.contains(['@', ':']);
    numbered || full && word.contains(|c: char| c.is_ascii_alphabetic())
}

/// Whether a line below the mark of a signature goes on with an answer: "but not web02".
pub(super) fn goes_on(line: &str) -> bool {
    let first = line.split(|c: char| c.is_whitespace() || c == ',').next().unwrap_or_default();
    let first = folded(first.trim_matches(|c: char| !c.is_alphanumeric()));
    let joins = [
        "but", "except", "only", "not", "no", "unless", "until", "wait", "please", "however", "and", "also",
        "ps", "p.s", "if", "after", "before", "don't", "don\u{2019}t", "do", "never", "without", "then",
        "actually", "sorry",
    ];
    let server = line
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'))
        .any(|word| could_be_a_server(&folded(word.trim_matches(|c: char| !c.is_alphanumeric()))));
    joins.contains(&&*first) || is_exclusion(&first) || server && !is_contact(line)
}

/// Whether a line is plainly about how its writer can be reached.
pub(super) fn is_contact(line: &str) -> bool {
    if !line.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b'@')) {
        return false;
    }
    let folded = folded(line);
    let digits = line.bytes().filter(u8::is_ascii_digit).count();
    let phone = digits >= 7
        && (line.contains('+')
            || [
                "tel", "phone", "mobil", "fax", "cell", "office", "direct", "tlf", "puh", "тел", "電話",
                "电话", "전화", "t:", "m:", "p:", "f:",
            ]
            .iter()
            .any(|word| folded.contains(word)));
    let link = folded.contains("www.") || folded.contains("http://") || folded.contains("https://");
    let address = line.split(char::is_whitespace).any(|word| {
        word.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
    });
    phone || link || address
}
