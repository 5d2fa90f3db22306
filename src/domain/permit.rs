//! Who may do what: a permit is made only here, and whatever decides asks for one.

use patchbot_commands::Effect;

use super::ids::PersonId;
use super::person::{Address, Person, Role};
use super::refusal::Refusal;
use super::server::{Ownership, Rank};

/// In which capacity somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As the primary owner.
    Primary,
    /// As the secondary owner.
    Secondary,
    /// As operator or administrator.
    Operator,
    /// In the place of an owner who said so.
    StandIn,
    /// As somebody whom the rules name to approve, and who does not own it.
    Approver,
    /// As somebody who may only look.
    Viewer,
}

/// The proof that somebody may act on one server. Only [`authorize`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    person: PersonId,
    name: String,
    mail: Option<Address>,
    standing: Standing,
}

impl Permit {
    /// Who acts.
    #[must_use]
    pub fn person(&self) -> PersonId {
        self.person
    }

    /// The name of who acts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The mail address of who acts.
    #[must_use]
    pub fn mail(&self) -> Option<&Address> {
        self.mail.as_ref()
    }

    /// Whether the person may only say yes or no: the time is the owners' to choose.
    #[must_use]
    pub fn only_approves(&self) -> bool {
        self.standing == Standing::Approver
    }

    /// Whether the person acts as operator, not as an owner.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.standing == Standing::Operator
    }
}

/// Who may decide about one server besides operators.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deciders<'a> {
    /// Its owners.
    pub owners: &'a [Ownership],
    /// Who decides in an owner's place now.
    pub stand_ins: &'a [PersonId],
    /// Whom its rules name to approve.
    pub approvers: &'a [Address],
}

/// Whether `person` may have this `effect` on a server about which these people decide.
///
/// # Errors
/// The refusal that tells who may.
pub fn authorize(
    person: &Person,
    effect: Effect,
    server: &str,
    deciders: Deciders<'_>,
) -> Result<Permit, Refusal> {
    let permit = |standing| Permit {
        person: person.id,
        name: person.name.clone(),
        mail: person.mail.clone(),
        standing,
    };
    let owned = deciders.owners.iter().find(|owner| owner.person == person.id).map(|owner| owner.rank);
    let runs_things = person.role >= Role::Operator;
    match (effect, owned) {
        // An operator acts as such on his own servers too: the second approver of a crossed freeze is then another person.
        (Effect::Read | Effect::Decide | Effect::Operate, _) if runs_things => Ok(permit(Standing::Operator)),
        (Effect::Administer, _) if person.role == Role::Administrator => Ok(permit(Standing::Operator)),
        (Effect::Read | Effect::Decide, Some(Rank::Primary)) => Ok(permit(Standing::Primary)),
        (Effect::Read | Effect::Decide, Some(Rank::Secondary)) => Ok(permit(Standing::Secondary)),
        (Effect::Read | Effect::Decide, None) if deciders.stand_ins.contains(&person.id) => {
            Ok(permit(Standing::StandIn))
        }
        (Effect::Read | Effect::Decide, None) if is_named(person, deciders.approvers) => {
            Ok(permit(Standing::Approver))
        }
        (Effect::Read, None) if person.role == Role::Viewer => Ok(permit(Standing::Viewer)),
        // Whoever changes only himself needs no server for it.
        (Effect::Oneself, _) => Err(Refusal::NotYours { server: server.to_owned() }),
        (Effect::Operate, _) => Err(Refusal::OperatorsOnly),
        (Effect::Administer, _) => Err(Refusal::AdministratorsOnly),
        (Effect::Read | Effect::Decide, None) => Err(Refusal::NotYours { server: server.to_owned() }),
    }
}

/// Whether a person is among those whom rules name to approve.
#[must_use]
pub fn is_named(person: &Person, approvers: &[Address]) -> bool {
    person.mail.as_ref().is_some_and(|mail| approvers.contains(mail))
}

/// Whether somebody may see every server.
#[must_use]
pub fn sees_everything(person: &Person) -> bool {
    matches!(person.role, Role::Viewer | Role::Operator | Role::Administrator)
}
