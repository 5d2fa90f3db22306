//! The headings that inventories have, and what they mean. Pure.

use crate::domain::filter::{fold, same_heading};

/// A column that patchbot understands. Everything else is kept as an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    Name,
    PrimaryOwner,
    SecondaryOwner,
    Zone,
    Group,
    Environment,
    System,
    Address,
    Port,
    User,
    Jump,
    Reboot,
    /// The date of a quarter, 0 to 3.
    Date(usize),
    /// The time of a quarter.
    Time(usize),
    /// The approval of a quarter.
    Approval(usize),
}

/// Headings, folded to their letters and digits in lower case, and what they mean. The first of each is the one that
/// export writes when the files had none.
const HEADINGS: &[(&str, Column)] = &[
    ("server_name", Column::Name),
    ("server", Column::Name),
    ("hostname", Column::Name),
    ("host", Column::Name),
    ("fqdn", Column::Name),
    ("name", Column::Name),
    ("machine", Column::Name),
    ("machinename", Column::Name),
    ("computername", Column::Name),
    ("nodename", Column::Name),
    ("dnsname", Column::Name),
    ("primary_owner", Column::PrimaryOwner),
    ("owner", Column::PrimaryOwner),
    ("owneremail", Column::PrimaryOwner),
    ("ownermail", Column::PrimaryOwner),
    ("owneraddress", Column::PrimaryOwner),
    ("serverowner", Column::PrimaryOwner),
    ("primaryowneremail", Column::PrimaryOwner),
    ("primaryownermail", Column::PrimaryOwner),
    ("primarycontact", Column::PrimaryOwner),
    ("owner1", Column::PrimaryOwner),
    ("secondary_owner", Column::SecondaryOwner),
    ("secondaryowneremail", Column::SecondaryOwner),
    ("secondaryownermail", Column::SecondaryOwner),
    ("secondarycontact", Column::SecondaryOwner),
    ("backupowner", Column::SecondaryOwner),
    ("coowner", Column::SecondaryOwner),
    ("deputy", Column::SecondaryOwner),
    ("owner2", Column::SecondaryOwner),
    ("server_timezone", Column::Zone),
    ("timezone", Column::Zone),
    ("tz", Column::Zone),
    ("zone", Column::Zone),
    ("servertz", Column::Zone),
    ("timezonename", Column::Zone),
    ("host_group", Column::Group),
    ("group", Column::Group),
    ("servergroup", Column::Group),
    ("patchgroup", Column::Group),
    ("environment", Column::Environment),
    ("env", Column::Environment),
    ("stage", Column::Environment),
    ("operating_system", Column::System),
    ("os", Column::System),
    ("osname", Column::System),
    ("ip_address", Column::Address),
    ("ip", Column::Address),
    ("ipaddr", Column::Address),
    ("ipv4", Column::Address),
    ("ipv4address", Column::Address),
    ("sshhost", Column::Address),
    ("ssh_port", Column::Port),
    ("port", Column::Port),
    ("ssh_user", Column::User),
    ("sshlogin", Column::User),
    ("jump_host", Column::Jump),
    ("jumpserver", Column::Jump),
    ("bastion", Column::Jump),
    ("proxyjump", Column::Jump),
    ("reboot_rule", Column::Reboot),
    ("reboot", Column::Reboot),
    ("rebootpolicy", Column::Reboot),
];

/// Those that are not about a quarter.
const PLAIN: [Column; 12] = [
    Column::Name,
    Column::PrimaryOwner,
    Column::SecondaryOwner,
    Column::Zone,
    Column::Group,
    Column::Environment,
    Column::System,
    Column::Address,
    Column::Port,
    Column::User,
    Column::Jump,
    Column::Reboot,
];

const DATES: [&str; 4] = ["q1_patch_date", "q2_patch_date", "q3_patch_date", "q4_patch_date"];
const TIMES: [&str; 4] = ["q1_patch_time", "q2_patch_time", "q3_patch_time", "q4_patch_time"];
const APPROVALS: [&str; 4] =
    ["q1_approval_status", "q2_approval_status", "q3_approval_status", "q4_approval_status"];

impl Column {
    /// The heading that export writes.
    pub(crate) fn heading(self) -> &'static str {
        let quarter = |headings: [&'static str; 4], of: usize| headings.get(of).copied().unwrap_or_default();
        match self {
            Self::Date(of) => quarter(DATES, of),
            Self::Time(of) => quarter(TIMES, of),
            Self::Approval(of) => quarter(APPROVALS, of),
            known => HEADINGS.iter().find(|(_, column)| *column == known).map_or("", |(name, _)| *name),
        }
    }

    /// The quarter whose cell it is, 0 to 3.
    pub(crate) fn quarter(self) -> Option<usize> {
        match self {
            Self::Date(of) | Self::Time(of) | Self::Approval(of) => Some(of),
            Self::Name
            | Self::PrimaryOwner
            | Self::SecondaryOwner
            | Self::Zone
            | Self::Group
            | Self::Environment
            | Self::System
            | Self::Address
            | Self::Port
            | Self::User
            | Self::Jump
            | Self::Reboot => None,
        }
    }

    /// How many there are.
    pub(super) const COUNT: usize = PLAIN.len() + 12;

    /// Its place among all of them, from 0.
    pub(super) fn place(self) -> usize {
        let of_quarter =
            |of: usize, what: usize| PLAIN.len().saturating_add(of.saturating_mul(3)).saturating_add(what);
        match self {
            Self::Date(of) => of_quarter(of, 0),
            Self::Time(of) => of_quarter(of, 1),
            Self::Approval(of) => of_quarter(of, 2),
            plain => PLAIN.iter().position(|other| *other == plain).unwrap_or(Self::COUNT),
        }
    }

    /// All of them, in the order of typical files.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let quarters = (0..4).flat_map(|of| [Self::Date(of), Self::Time(of), Self::Approval(of)]);
        PLAIN.into_iter().chain(quarters)
    }
}

/// `q3_patch_date`, "Q3 Patch Date", "q3 date", "Patch date Q3", "Quarter 3 date".
fn quarter_column(folded: &str) -> Option<Column> {
    let folded = folded.replace("quarter", "q");
    (1..=4_usize).find_map(|number| {
        let sign = format!("q{number}");
        let what = folded.strip_prefix(&sign).or_else(|| folded.strip_suffix(&sign))?;
        let quarter = number.saturating_sub(1);
        match what {
            "patchdate" | "date" | "patchday" | "patchingdate" => Some(Column::Date(quarter)),
            "patchtime" | "time" | "patchingtime" => Some(Column::Time(quarter)),
            "approvalstatus" | "approval" | "status" => Some(Column::Approval(quarter)),
            _ => None,
        }
    })
}

/// What a heading means, when patchbot understands it.
pub(crate) fn column_of(heading: &str) -> Option<Column> {
    let folded = fold(heading);
    let known = HEADINGS.iter().find(|(name, _)| same_heading(name, &folded)).map(|(_, column)| *column);
    known.or_else(|| quarter_column(&folded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_known_in_their_variants() {
        for (heading, column) in [
            ("Server Name", Column::Name),
            ("SERVER-NAME", Column::Name),
            (" FQDN ", Column::Name),
            ("Owner (e-mail)", Column::PrimaryOwner),
            ("Time Zone", Column::Zone),
            ("OS", Column::System),
            ("Q3 Patch Date", Column::Date(2)),
            ("Patch time Q1", Column::Time(0)),
            ("Quarter 4 approval", Column::Approval(3)),
        ] {
            assert_eq!(column_of(heading), Some(column), "{heading}");
        }
        for other in ["current_quarter_status", "serial_number", "Q5 date", "q1", "engr_domain", ""] {
            assert_eq!(column_of(other), None, "{other}");
        }
    }

    #[test]
    fn every_column_is_known_by_the_heading_that_export_writes_and_no_heading_is_there_twice() {
        for column in Column::all() {
            assert_eq!(column_of(column.heading()), Some(column));
        }
        assert!(Column::all().map(Column::place).eq(0..Column::COUNT));
        for (index, (name, _)) in HEADINGS.iter().enumerate() {
            assert!(HEADINGS.iter().skip(index + 1).all(|(other, _)| fold(other) != fold(name)), "{name}");
        }
    }
}
