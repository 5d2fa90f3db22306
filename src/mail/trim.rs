//! Cuts a reply down to what was typed: quotes, signatures, footers and legal notices go. Pure, and linear in time.
//!
//! When in doubt a line stays: what is left over is asked back, what is cut too much is an answer that was never given.

mod quote;
mod signature;
mod words;

use memchr::memchr_iter;

use self::quote::Line;

/// What is left of a reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// The lines that were typed.
    pub text: String,
    /// Typed lines stand between quoted ones.
    pub interleaved: bool,
    /// There was more than anybody types or quotes; the rest was not looked at.
    pub too_long: bool,
    /// A line below the mark of the signature goes on with the answer.
    pub goes_on: bool,
    /// What was cut as signature, footer, banner or legal notice; the quote is not in it.
    pub cut: Vec<String>,
}

/// More lines than the longest thread has.
const MOST_LINES: usize = 20_000;

/// Cuts everything off that was not typed for this reply.
#[must_use]
pub fn trim(text: &str) -> Trimmed {
    // So many lines need as many ends.
    let end =
        if text.len() > MOST_LINES { memchr_iter(b'\n', text.as_bytes()).nth(MOST_LINES) } else { None };
    let text_read = end.and_then(|end| text.get(..end)).unwrap_or(text);
    let lines: Vec<Line<'_>> = quote::mark(text_read);
    let first_quote = lines.iter().position(|line| matches!(line, Line::Quoted));
    let last_quote = lines.iter().rposition(|line| matches!(line, Line::Quoted));
    let mut trimmed = Trimmed { too_long: end.is_some(), ..Trimmed::default() };
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    for block in lines.split(|line| matches!(line, Line::Quoted)) {
        let top = first_quote.is_none_or(|first| at < first);
        let between = !top && last_quote.is_some_and(|last| at < last);
        let place = if top { signature::Place::Top } else { signature::Place::Below };
        at = at.saturating_add(block.len()).saturating_add(1);
        if block.is_empty() {
            continue;
        }
        let parts = signature::cut(block.iter().filter_map(Line::typed).collect(), place);
        trimmed.cut.extend(parts.cut);
        trimmed.goes_on |= parts.goes_on;
        let says = parts.typed.iter().any(|line| !line.is_empty());
        trimmed.interleaved |= between && says;
        if says {
            kept.push("");
            kept.extend(parts.typed);
        }
    }
    trimmed.text = join(&kept);
    trimmed
}

/// Joins lines; blank ones at the ends go, several together become one.
fn join(lines: &[&str]) -> String {
    let mut text = String::new();
    let mut blank = false;
    for line in lines {
        if line.is_empty() {
            blank = !text.is_empty();
            continue;
        }
        if blank {
            text.push('\n');
            blank = false;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Whether two texts say the same, apart from layout, links and punctuation.
#[must_use]
pub fn same_words(one: &str, other: &str) -> bool {
    let words = |text| str::split(text, |c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let (mut ones, mut others) = (words(one), words(other));
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == other || one.to_lowercase() == other.to_lowercase() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(reply: &str) -> String {
        trim(reply).text.trim_end().to_owned()
    }

    #[test]
    fn the_line_above_a_quote_is_known_in_every_language_and_however_it_is_wrapped() {
        for introduction in [
            "On Thu, Dec 3, 2026 at 9:00 AM patchbot <patchbot@patch.test> wrote:",
            "On Thu, Dec 3, 2026 at 9:00 AM patchbot\n<patchbot+mfrggzdfmztwq2lk@patch.test>\nwrote:",
            "On 03/12/2026 09:00, patchbot wrote:",
            "On 3 Dec 2026, at 09:00, patchbot <patchbot@patch.test> wrote:",
            "On Thursday, December 3, 2026 at 09:00:00 AM GMT+1, patchbot <\npatchbot+mfrggzdfmztwq2lk234567@patch.test> wrote:",
            "patchbot <patchbot@patch.test> writes:",
            "patchbot wrote on 03.12.2026 09:00:",
            "Am Do., 3. Dez. 2026 um 09:00 Uhr schrieb patchbot <patchbot@patch.test>:",
            "Am 03.12.26 um 09:00 schrieb patchbot:",
            "patchbot <patchbot@patch.test> hat am 03.12.2026 09:00 geschrieben:",
            "Le jeu. 3 déc. 2026 à 09:00, patchbot <patchbot@patch.test> a écrit\u{a0}:",
            "Le 03/12/2026 à 09:00, patchbot a écrit :",
            "El jue, 3 dic 2026 a las 9:00, patchbot (<patchbot@patch.test>) escribió:",
            "Il giorno gio 3 dic 2026 alle ore 09:00 patchbot <patchbot@patch.test> ha\nscritto:",
            "Em qui., 3 de dez. de 2026 às 09:00, patchbot <patchbot@patch.test> escreveu:",
            "Op do 3 dec 2026 om 09:00 schreef patchbot <patchbot@patch.test>:",
            "czw., 3 gru 2026 o 09:00 patchbot <patchbot@patch.test> napisał(a):",
            "W dniu 03.12.2026 o 09:00, patchbot pisze:",
            "Den tors 3 dec. 2026 kl 09:00 skrev patchbot <patchbot@patch.test>:",
            "Den tors. 3. dec. 2026 kl. 09.00 skrev patchbot <patchbot@patch.test>:",
            "tor. 3. des. 2026 kl. 09:00 skrev patchbot <patchbot@patch.test>:",
            "to 3. jouluk. 2026 klo 9.00 patchbot (patchbot@patch.test) kirjoitti:",
            "čt 3. 12. 2026 v 9:00 odesílatel patchbot <patchbot@patch.test> napsal:",
            "Dne 03. 12. 26 v 9:00 patchbot napsal(a):",
            "чт, 3 дек. 2026 г. в 09:00, patchbot <patchbot@patch.test>:",
            "03.12.2026 09:00, patchbot пишет:",
            "patchbot <patchbot@patch.test>, 3 Ara 2026 Per, 09:00 tarihinde şunu yazdı:",
            "2026年12月3日(木) 9:00 patchbot <patchbot@patch.test>:",
            "2026/12/03 9:00、patchbot <patchbot@patch.test>のメール:",
            "patchbot <patchbot@patch.test> 于2026年12月3日周四 09:00写道：",
            "patchbot <patchbot@patch.test> 於 2026年12月3日 週四 上午9:00寫道：",
            "2026년 12월 3일 (목) 오전 9:00, patchbot <patchbot@patch.test>님이 작성:",
            "* patchbot <patchbot@patch.test> [2026-12-03 09:00]:",
        ] {
            let reply = format!("approve web01\n\n{introduction}\n\n> Hello Ada,\n>\n> approve all\n");
            assert_eq!(
                trim(&reply),
                Trimmed { text: "approve web01\n".to_owned(), ..Trimmed::default() },
                "{introduction}"
            );
            let tight = format!("approve web01\n{introduction}\n> Hello Ada,\n");
            assert_eq!(text(&tight), "approve web01", "{introduction}");
            let below = format!("{introduction}\n> Hello Ada,\n> approve all\n\napprove web01\n");
            assert_eq!(text(&below), "approve web01", "{introduction}");
        }
    }

    #[test]
    fn blocks_of_headers_without_a_mark_are_cut_in_every_language() {
        for block in [
            "From: patchbot <p@patch.test>\nSent: Thursday, December 3, 2026 9:00 AM\nTo: Ada <ada@owners.test>\nSubject: 2027-Q1",
            "*From:* patchbot <p@patch.test>\n*Sent:* Thursday, 3 December 2026 09:00\n*To:* Ada\n*Cc:* Bob\n*Subject:* x",
            "________________________________\nFrom: patchbot\nDate: Thu, Dec 3\nTo: Ada\nSubject: x",
            "-----Original Message-----\nFrom: patchbot\nSent: x\nTo: y\nSubject: z",
            "-------- Original message --------\nFrom: patchbot",
            "Von: patchbot <p@patch.test>\nGesendet: Donnerstag, 3. Dezember 2026 09:00\nAn: Ada\nBetreff: x",
            "-----Ursprüngliche Nachricht-----\nVon: patchbot",
            "De : patchbot <p@patch.test>\nEnvoyé : jeudi 3 décembre 2026 09:00\nÀ : Ada\nObjet : x",
            "De: patchbot\nEnviado el: jueves, 3 de diciembre de 2026 9:00\nPara: Ada\nAsunto: x",
            "Da: patchbot\nInviato: giovedì 3 dicembre 2026 09:00\nA: Ada\nOggetto: x",
            "De: patchbot\nEnviada em: quinta-feira, 3 de dezembro de 2026 09:00\nPara: Ada\nAssunto: x",
            "Van: patchbot\nVerzonden: donderdag 3 december 2026 09:00\nAan: Ada\nOnderwerp: x",
            "Od: patchbot\nWysłano: czwartek, 3 grudnia 2026 09:00\nDo: Ada\nTemat: x",
            "Från: patchbot\nSkickat: den 3 december 2026 09:00\nTill: Ada\nÄmne: x",
            "Fra: patchbot\nSendt: 3. december 2026 09:00\nTil: Ada\nEmne: x",
            "Lähettäjä: patchbot\nLähetetty: torstai 3. joulukuuta 2026 9.00\nVastaanottaja: Ada\nAihe: x",
            "Od: patchbot\nOdesláno: čtvrtek 3. prosince 2026 9:00\nKomu: Ada\nPředmět: x",
            "От: patchbot\nОтправлено: 3 декабря 2026 г. 9:00\nКому: Ada\nТема: x",
            "Kimden: patchbot\nGönderildi: 3 Aralık 2026 Perşembe 09:00\nKime: Ada\nKonu: x",
            "差出人: patchbot\n送信日時: 2026年12月3日 9:00\n宛先: Ada\n件名: x",
            "发件人: patchbot\n发送时间: 2026年12月3日 9:00\n收件人: Ada\n主题: x",
            "寄件者: patchbot\n寄件日期: 2026年12月3日 上午 09:00\n收件者: Ada\n主旨: x",
            "보낸 사람: patchbot\n보낸 날짜: 2026년 12월 3일 목요일 오전 9:00\n받는 사람: Ada\n제목: x",
            "To: Ada\nFrom: patchbot\nDate: 03.12.2026 09:00\nSubject: x",
            "patchbot ---03.12.2026 09:00:00---Hello Ada,",
            "~~~ Please write your answer above this line ~~~",
            "On 3 Dec 2026, at 09:00, patchbot <p@patch.test> wrote:",
            "Begin forwarded message:",
        ] {
            let reply = format!("approve web01\n\n{block}\n\nHello Ada,\n\napprove all\ndecline\n");
            assert_eq!(
                trim(&reply),
                Trimmed { text: "approve web01\n".to_owned(), ..Trimmed::default() },
                "{block}"
            );
        }
    }

    #[test]
    fn signatures_footers_and_legal_notices_are_cut() {
        for tail in [
            "-- \nAda Example\nHead of Web\n+49 30 123456",
            "--\nAda",
            "Sent from my iPhone",
            "Get Outlook for iOS<https://aka.ms/o0ukef>",
            "Von meinem iPhone gesendet",
            "Envoyé de mon iPhone",
            "iPhoneから送信",
            "发自我的 iPhone",
            "Best regards,\nAda Example\nSenior Engineer | ACME Ltd.\n12 Long Street, Oldtown 12345\nTel. +49 30 123456\nwww.acme.test",
            "Mit freundlichen Grüßen\nAda Example\n\nACME GmbH\nSitz der Gesellschaft: Berlin, Amtsgericht Charlottenburg",
            "Ada Example\nHead of Web\nM: +44 20 7946 0000\nada@owners.test",
            "This e-mail and any attachments are confidential. If you are not the intended recipient, do not\nread it.",
            "Ada Example\nTel. +44 20 7946 0000\n\nThis e-mail is confidential.\n\nPlease consider the environment before printing it.",
            "Kind regards\n\nAda\n\nCONFIDENTIALITY NOTICE: not for you, unless you are meant.",
            "________________\nDISCLAIMER\nWe approve nothing.",
        ] {
            let trimmed = trim(&format!("approve web01\n\n{tail}\n"));
            assert_eq!(trimmed.text, "approve web01\n", "{tail}");
            assert!(!trimmed.cut.is_empty());
            let quoted = trim(&format!("approve web01\n\n{tail}\n\nOn 3 Dec 2026, patchbot wrote:\n> x\n"));
            assert_eq!(quoted.text, "approve web01\n", "{tail}");
        }
        let banner = "CAUTION: This email originated from outside of the organization. Do not click links\nunless you know the sender.\n\napprove\n";
        assert_eq!(text(banner), "approve");
    }

    #[test]
    fn what_could_be_an_answer_is_never_taken_for_a_signature() {
        for reply in [
            "approve\n\nThanks\nnot web02 though",
            "approve\nRegards\nAda\nPlease wait until Monday",
            "approve\n\nThanks\nweb01",
            "approve\n\nweb01\nhttps://wiki.test/web01",
            "approve\n\nthe servers of the list\nhttps://wiki.test/list",
            "approve\n\nAda\nbut only after 22:00\n+49 30 1234567 phone",
            "Sent on Monday: decline",
            "approve\nbest regards to all\nno, wait",
            "approve\n\nweb01\nweb02\n\nAda?",
            "This email is approved",
            "approve all\n\nUnless otherwise stated by Bob",
            "approve all\n\nThis message is to say that the database must wait until the release is out of the door",
            "approve all\n\nConfidential server, so decline that one",
            "approve all\nSent from a train, web02 not please",
            "Attention: the external audit is running, do not approve\n\napprove 1",
            "CAUTION: external sender here, decline\n\napprove 1",
            "approve\n\nDate: 2026-12-10\nFrom: 20:00\nTo: 23:00",
            "approve all\n\nThis e-mail and any attachments are confidential and only for the recipient.\n\nweb02 must not be patched",
        ] {
            assert_eq!(text(reply), reply, "{reply}");
        }
        let footer_above = "approve\nSent from my iPhone\nno, decline\n";
        assert_eq!(text(footer_above), "approve\nno, decline");
        let names = "approve\n\nweb01\nweb02\n\nAda Example\nTel. +49 30 123456\n";
        assert_eq!(text(names), "approve\n\nweb01\nweb02");
        for (reply, goes_on) in [
            ("approve\n-- \nAda\nHead of Web\n+49 30 123456", false),
            ("approve\n-- \nAda\nWe move the world", false),
            ("approve all\n-- \nbut not web02", true),
            ("approve all\n--\nAda\nPS: web02 later", true),
            (
                "approve all\n-- \nAda\n\nThis e-mail is confidential. Do not read it unless you are the recipient.",
                false,
            ),
        ] {
            assert_eq!(trim(reply).goes_on, goes_on, "{reply}");
        }
        let long = format!("approve\n-- \n{}", "decline\n".repeat(40));
        assert!(text(&long).contains("decline"));
    }

    #[test]
    fn words_between_quoted_lines_are_kept_and_noted() {
        let reply = "On 3 Dec 2026, patchbot wrote:\n> 1. web01\nok\n> 2. web02\nno\n> bye\n\n-- \nAda\n";
        let trimmed = trim(reply);
        assert_eq!((trimmed.text.as_str(), trimmed.interleaved), ("ok\n\nno\n", true));
        let around = trim("approve 1\n> 1. web01\n\ndecline 2\n");
        assert_eq!((around.text.as_str(), around.interleaved), ("approve 1\n\ndecline 2\n", false));
    }

    #[test]
    fn links_that_only_repeat_a_name_go() {
        assert_eq!(
            text(
                "approve web01.owners.test<http://web01.owners.test/> and web02.owners.test <http://web02.owners.test>"
            ),
            "approve web01.owners.test and web02.owners.test"
        );
        assert_eq!(text("approve <http://else.test/>"), "approve <http://else.test/>");
        assert_eq!(text("a < b > c <http"), "a < b > c <http");
    }

    /// Lines as people type them: commands, sentences, names; none of them in the form of a quote or a signature.
    fn typed_line() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("approve".to_owned()),
            Just("decline web01 because of the release".to_owned()),
            "(move|defer|approve) (web|db)[0-9]{1,2} (to 2026-12-0[1-9] 2[0-3]:00|by [2-9] weeks)",
            "[1-9]-[1-9],[1-9] ok; [1-9] no: [a-z]{3,12}",
            "[a-z]{2,9}( [a-z]{1,9}){0,8}[.?!]?",
            "[A-Za-z0-9äöüé(),'\"+ ]{1,60}[a-z]",
        ]
        .prop_filter("no footer, sign-off or legal notice", |line| {
            let folded = line.trim().to_lowercase();
            !(words::is_footer(&folded)
                || words::is_sign_off(&folded)
                || words::is_disclaimer(&folded)
                || words::is_banner(&folded))
        })
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = trim(&text);
        }

        #[test]
        fn nothing_near_a_reply_panics(lines in prop::collection::vec(prop::sample::select(vec![
            "approve", "> x", "", "On 3 Dec 2026, a wrote:", "wrote:", "From: a", "Sent: b", "To: c", "Subject: d", "-- ",
            "--", "Thanks", "Sent from my iPhone", "a@b.test 2026 <", "> wrote:", "____", "<http://a/>", "Ada", "+49 30 1234567",
        ]), 0..30)) {
            let _ = trim(&lines.join("\n"));
        }

        #[test]
        fn typed_lines_above_the_quote_are_never_eaten(
            lines in prop::collection::vec(typed_line(), 1..6),
            tail in prop::sample::select(vec![
                "",
                "\n\nOn Thu, Dec 3, 2026 at 9:00 AM patchbot <p@patch.test> wrote:\n> Hello\n> approve all\n",
                "\n\n\nFrom: patchbot\nSent: Thursday\nTo: Ada\nSubject: x\n\nHello\n",
                "\n\n> Hello\n> approve all\n",
                "\n\n-- \nAda\n\n> quote\n",
                "\n\nSent from my iPhone\n\n> quote\n",
                "\n\n~~~ Please write your answer above this line ~~~\n\nHello\n",
            ]),
        ) {
            let typed = lines.join("\n");
            let left = trim(&format!("{typed}{tail}")).text;
            for line in &lines {
                prop_assert!(left.lines().any(|kept| kept == line.trim()), "{line:?} is gone from {left:?}");
            }
        }

        #[test]
        fn what_is_quoted_with_a_mark_never_comes_back(quoted in prop::collection::vec("[a-z ]{0,30}", 1..20)) {
            let quote: String = quoted.iter().map(|line| format!("> {line}\n")).collect();
            let reply = format!("status\n\n{quote}");
            prop_assert_eq!(text(&reply), "status");
        }
    }

    #[test]
    fn the_work_grows_with_the_size_only() {
        for piece in [
            "a:\n", "From: a\n", "wrote: 2026\n", "\n", "-- \n", "> x\n", "Ada\n\n", "<http://a/>",
            "a@b 2026 <\n", "---\n", "Thanks\n",
        ] {
            let _ = trim(&piece.repeat(1_000_000 / piece.len()));
        }
    }
}
