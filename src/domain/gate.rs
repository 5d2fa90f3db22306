//! The gates between a window and its run, in the order in which they are passed: which hold, who lifts them, and when
//! they lift by themselves.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::bounds::Bounds;
use super::calendar::frozen_before;
use super::exception::day_name;
use super::policy::Silence;
use super::shown::line;
use super::timeline::answer_by;
use super::window::{Plan, Window, WindowState};

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// What it is called: `approval`.
    pub name: &'static str,
    /// Whether it holds the window back as things stand.
    pub holds: bool,
    /// How it stands, as a phrase.
    pub sentence: String,
    /// Who may lift it and how, in a sentence.
    pub lift: Option<String>,
    /// When it lifts by itself, in a sentence.
    pub by_itself: Option<String>,
}

impl Gate {
    fn open(name: &'static str, sentence: impl Into<String>) -> Self {
        Self { name, holds: false, sentence: sentence.into(), lift: None, by_itself: None }
    }

    fn shut(name: &'static str, sentence: impl Into<String>, lift: impl Into<String>) -> Self {
        Self { name, holds: true, sentence: sentence.into(), lift: Some(lift.into()), by_itself: None }
    }

    /// The gate in one line, with a mark.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}: {}", if self.holds { "✗" } else { "✓" }, self.name, self.sentence)
    }
}

/// What was found the last time that a window's host was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Whether it would block the run.
    pub blocked: bool,
    /// When.
    pub taken_at: DateTime<Utc>,
    /// What was found, in a phrase.
    pub sentence: String,
    /// The same as a sentence that names its day; for a rehearsal.
    pub rehearsed: String,
}

/// What the gates are made from.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// The window.
    pub window: &'a Window,
    /// The server's name.
    pub server: &'a str,
    /// Whether the host's key is known.
    pub enrolled: bool,
    /// Its calendar.
    pub bounds: Bounds<'a>,
    /// The last pre-check for this window.
    pub looked: Option<&'a Looked>,
    /// Who else of its groups before it is not done yet, in a sentence: canaries that failed or have not run.
    pub canaries: Option<&'a str>,
    /// Until when the server is put off by a window of another quarter.
    pub put_off: Option<NaiveDate>,
}

impl Before<'_> {
    /// All gates of a window, in their order.
    #[must_use]
    pub fn gates(&self) -> Vec<Gate> {
        let mut gates = vec![self.host()];
        if let Some(until) = self.put_off {
            let lift = "An owner ends that early by answering its notice with \"withdraw\".";
            let mut gate = Gate::shut("exception", format!("it is put off until {}", day_name(until)), lift);
            gate.by_itself = Some("When that is over, it is planned again.".to_owned());
            gates.push(gate);
        }
        let Some(plan) = self.window.plan else {
            let choose = format!("Choose one: \"slots {}\" shows the free times.", self.server);
            gates.push(Gate::shut("time", "it has no time yet", choose));
            return gates;
        };
        gates.push(Gate::open("time", line(plan.starts_at, plan.zone)));
        if !self.window.state.is_settled() {
            gates.extend(self.rules(&plan));
        }
        gates.push(self.approval(&plan));
        gates.extend(self.freeze(&plan));
        if let Some(why) = self.canaries {
            let lift =
                "An operator can give the failed one another time, or change the rule soak.".to_owned();
            let mut gate = Gate::shut("canaries", why, lift);
            gate.by_itself =
                Some("It lifts when they have been patched and watched for their time.".to_owned());
            gates.push(gate);
        }
        gates.extend(self.precheck(&plan));
        gates
    }

    fn host(&self) -> Gate {
        if self.enrolled {
            return Gate::open("host", "enrolled, its key is pinned");
        }
        let lift = format!("An administrator enrols it: patchbot enroll {}.", self.server);
        Gate::shut("host", "not enrolled: I do not know its host key", lift)
    }

    /// The group's rules, as they are now: they can have changed since the time was chosen.
    fn rules(&self, plan: &Plan) -> Vec<Gate> {
        let started = plan.starts_at <= self.bounds.now;
        let crossed = self.window.crossed_by.is_some();
        let broken = if started { Vec::new() } else { self.bounds.broken_rules(plan.starts_at, crossed) };
        if broken.is_empty() {
            let crossed = self.window.crossed_by.map(|_| "; an operator crossed one with a reason");
            return vec![Gate::open(
                "rules",
                format!("its time keeps all rules{}", crossed.unwrap_or_default()),
            )];
        }
        broken
            .into_iter()
            .map(|broken| {
                let sentence =
                    format!("{} (rule {})", broken.to_string().trim_end_matches('.'), broken.rule());
                let who = if broken.can_be_crossed() {
                    format!("Move it: \"slots {}\" shows the free times. An operator can cross the rule with a reason.", self.server)
                } else {
                    format!("Move it: \"slots {}\" shows the free times.", self.server)
                };
                Gate::shut("rules", sentence, who)
            })
            .collect()
    }

    fn approval(&self, plan: &Plan) -> Gate {
        let policy = self.bounds.policy;
        match (self.window.approval(), &self.window.state) {
            (Some(approval), _) => Gate::open("approval", format!("given by {}", approval.phrase())),
            (None, WindowState::Proposed) => {
                let consents: Vec<String> =
                    self.window.consents.iter().map(super::window::Consent::phrase).collect();
                let missing =
                    policy.approvals.saturating_sub(u32::try_from(consents.len()).unwrap_or(u32::MAX));
                let sentence = if consents.is_empty() {
                    format!("revision {} is not approved", self.window.revision)
                } else {
                    format!(
                        "revision {} has the consent of {}, and {missing} more must approve",
                        self.window.revision,
                        consents.join(" and ")
                    )
                };
                let who = policy.who_approves();
                let deadline = answer_by(plan, policy);
                let mut gate = Gate::shut(
                    "approval",
                    sentence,
                    format!(
                        "{who} can say \"approve {}\"; the deadline is {}.",
                        self.server,
                        line(deadline, plan.zone)
                    ),
                );
                gate.by_itself = Some(self.silence().to_owned());
                gate
            }
            (None, state @ WindowState::Deferred { .. }) => {
                let lift = format!("An owner ends that early with \"withdraw {}\".", self.server);
                let mut gate = Gate::shut("approval", state.phrase(), lift);
                gate.by_itself = Some("When that is over, it is planned again.".to_owned());
                gate
            }
            (None, state) if state.is_settled() => {
                Gate { holds: true, ..Gate::open("approval", state.phrase()) }
            }
            (None, state) => Gate::open("approval", state.phrase()),
        }
    }

    fn silence(&self) -> &'static str {
        match self.bounds.policy.silence {
            Silence::Approve if self.window.crossed_by.is_none() => {
                "Without an answer it counts as approved then."
            }
            Silence::Approve | Silence::Hold => "Without an answer it is not patched.",
            Silence::Slip => "Without an answer it moves a week on, and I ask again.",
            Silence::Escalate => "Without an answer I ask the second owner, then the operators.",
        }
    }

    fn freeze(&self, plan: &Plan) -> Option<Gate> {
        let until = frozen_before(self.bounds.policy, plan.zone, self.bounds.now)
            .filter(|_| !self.window.state.is_settled())?;
        let mut gate = Gate::open(
            "freeze",
            format!("owners cannot choose times before {} now", until.format("%a %-d %b %Y")),
        );
        gate.by_itself = self.thaws().map(|at| format!("The freeze lifts {}.", line(at, plan.zone)));
        Some(gate)
    }

    /// When the freeze that holds now ends.
    fn thaws(&self) -> Option<DateTime<Utc>> {
        let (policy, zone) = (self.bounds.policy, self.bounds.zone);
        let today = self.bounds.now.with_timezone(&zone).date_naive();
        let open = today.iter_days().take(8).find(|day| {
            let morning = super::timeline::wall(*day, chrono::NaiveTime::MIN, zone);
            frozen_before(policy, zone, morning.checked_add_signed(TimeDelta::minutes(1)).unwrap_or(morning))
                .is_none()
        })?;
        Some(super::timeline::wall(open, chrono::NaiveTime::MIN, zone))
    }

    /// The last look at the host; none where no run is to come, unless it is why the last one failed.
    fn precheck(&self, plan: &Plan) -> Option<Gate> {
        let state = &self.window.state;
        let over = state.is_settled();
        let failed = matches!(
            state,
            WindowState::Failed { .. } | WindowState::Missed { .. } | WindowState::NeedsHuman { .. }
        );
        if over && !(failed && self.looked.is_some_and(|looked| looked.blocked)) {
            return None;
        }
        let at =
            plan.starts_at.checked_sub_signed(self.bounds.policy.precheck_before).unwrap_or(plan.starts_at);
        Some(match self.looked {
            Some(looked) if over => {
                let lift =
                    format!("Mend that on the host, then give it another time: \"slots {}\".", self.server);
                Gate::shut("pre-check", looked.sentence.clone(), lift)
            }
            None => Gate::open("pre-check", format!("is made {}", line(at, plan.zone))),
            Some(looked) if looked.taken_at < at => {
                let sentence = looked.rehearsed.trim_end_matches('.');
                let mut gate = if looked.blocked {
                    Gate::shut("pre-check", sentence, "Mend that on the host.")
                } else {
                    Gate::open("pre-check", sentence)
                };
                gate.by_itself = looked
                    .blocked
                    .then(|| format!("The check is made {} and again at the start.", line(at, plan.zone)));
                gate
            }
            Some(looked) if looked.blocked => {
                let mut gate = Gate::shut("pre-check", looked.sentence.clone(), "Mend that on the host.");
                gate.by_itself = Some("The check is made again at the start.".to_owned());
                gate
            }
            Some(looked) => Gate::open("pre-check", looked.sentence.clone()),
        })
    }
}
