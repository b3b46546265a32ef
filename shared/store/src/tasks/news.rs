//! What a change of tasks is published as: the frames of the tasks, those of the models they train, and notifications
//! of their ends.

use domain::room::Event;

use super::FRAMES;
use crate::query::Arg;
use crate::tx::{Outcome, StmtIndex, Tx};
use crate::{models, watch, webhooks};

/// The queries of a transaction whose rows are to be published when it has run.
pub struct News {
    /// None for tasks that are about to be deleted: their watchers are told so, and nothing else.
    tasks: Option<StmtIndex>,
    models: StmtIndex,
    ended: Option<StmtIndex>,
}

impl News {
    /// Of tasks that go on. `condition` finds the tasks `t` that changed.
    pub fn of_progress(tx: &mut Tx, condition: &str, args: impl IntoIterator<Item = Arg> + Clone) -> News {
        let tasks = watch::change_where(&FRAMES, tx.scope, condition, args.clone());
        let tasks = tx.push(tasks);
        let trained = format!("t.id IN (SELECT t.model_id FROM tasks t WHERE {condition})");
        let models = watch::change_where(&models::FRAMES, tx.scope, &trained, args);
        News { tasks: Some(tasks), models: tx.push(models), ended: None }
    }

    /// Of tasks that may have ended. `condition` finds the tasks `t` that changed.
    pub fn of_end(tx: &mut Tx, condition: &str, args: impl IntoIterator<Item = Arg> + Clone) -> News {
        let news = News::of_progress(tx, condition, args.clone());
        News { ended: Some(webhooks::ended(tx, &format!("SELECT t.id FROM tasks t WHERE {condition}"), args)), ..news }
    }

    /// Of tasks that have ended and are deleted in the same transaction, after this.
    pub fn of_deletion(tx: &mut Tx, condition: &str, args: impl IntoIterator<Item = Arg> + Clone) -> News {
        News { tasks: None, ..News::of_end(tx, condition, args) }
    }

    /// The events to publish, in this order, each with its room.
    pub fn events(&self, outcome: &Outcome) -> Vec<(String, Event)> {
        let tasks = self.tasks.iter().flat_map(|tasks| watch::events(&FRAMES, outcome.rows(*tasks)));
        let mut events: Vec<_> = tasks.collect();
        events.extend(watch::events(&models::FRAMES, outcome.rows(self.models)));
        events.extend(self.ended.iter().flat_map(|ended| webhooks::events_of(outcome.rows(*ended))));
        events
    }
}
