//! People: the roles the configuration gives, and the accounts that are linked to them.

use super::{App, Failure};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::person::{Address, Identity, Person, Role};
use crate::domain::server::Server;
use crate::store::Tx;

impl App {
    /// The person with an address; one is added when there is none.
    pub(crate) async fn person_for(&self, tx: &mut Tx, mail: &Address) -> Result<Person, Failure> {
        if let Some(person) = tx.person_by_mail(mail).await? {
            return Ok(person);
        }
        let person = Person {
            id: self.person_id(),
            name: mail.to_string(),
            mail: Some(mail.clone()),
            zone: None,
            role: Role::Owner,
        };
        tx.insert_person(&person, self.now()).await?;
        tx.link_identity(&Identity::Mail(mail.clone()), person.id, self.now()).await?;
        Ok(person)
    }

    /// Gives people the roles that the configuration names; who is no longer named becomes an owner. Whom the rules
    /// name to approve is asked about what waits for him from now on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn give_roles(&self, roles: &[(Address, Role)]) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let named = |person: &Person| {
            roles
                .iter()
                .find(|(mail, _)| person.mail.as_ref() == Some(mail))
                .map_or(Role::Owner, |(_, role)| *role)
        };
        for (mail, _) in roles {
            self.person_for(&mut tx, mail).await?;
        }
        self.know_approvers(&mut tx).await?;
        for mut person in tx.all_people().await? {
            let role = named(&person);
            if person.role == role {
                continue;
            }
            let sentence = format!(
                "By the configuration {} is {} now; before: {}.",
                person.name,
                role.as_str(),
                person.role.as_str()
            );
            person.role = role;
            tx.update_person(&person).await?;
            self.audit_person(&mut tx, Actor::clock(), &person, sentence).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Links an account to the person with an address.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn link(
        &self,
        mail: &Address,
        identity: &Identity,
        actor: Actor,
    ) -> Result<Option<Person>, Failure> {
        let mut tx = self.store.begin().await?;
        let Some(person) = tx.person_by_mail(mail).await? else { return Ok(None) };
        tx.link_identity(identity, person.id, self.now()).await?;
        let sentence = format!("The {} account {} is {}.", identity.kind(), identity.key(), person.name);
        self.audit_person(&mut tx, actor, &person, sentence).await?;
        tx.commit().await?;
        Ok(Some(person))
    }

    /// Pins a host's key: the server is enrolled.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn enrolled(
        &self,
        server: &Server,
        key: &str,
        fingerprint: &str,
        actor: Actor,
    ) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let mut server = tx.server_by_id(server.id).await?;
        server.host_key = Some(key.to_owned());
        tx.update_server(&server, self.now()).await?;
        tx.append_audit(&AuditEvent::new(
            self.now(),
            actor,
            What::Enrolled,
            server.name.clone(),
            format!("{} is enrolled; its host key {fingerprint} is pinned.", server.name),
        ))
        .await?;
        tx.commit().await?;
        Ok(())
    }

    pub(crate) async fn audit_person(
        &self,
        tx: &mut Tx,
        actor: Actor,
        person: &Person,
        sentence: String,
    ) -> Result<(), Failure> {
        tx.append_audit(&AuditEvent::new(
            self.now(),
            actor,
            What::IdentityLinked,
            person.name.clone(),
            sentence,
        ))
        .await?;
        Ok(())
    }
}
