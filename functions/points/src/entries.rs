//! Entries of the ledger as a user sees them: what they gained and lost points by. A capture is not shown: the points
//! were taken at submission.

use domain::text::Text;
use domain::{Choices, Lang};
use store::{Column, Filter, FilterRule, Kind, Sort, Spec, Visible, literal};

use crate::entry_texts::{EXPIRED, FORFEITED, GRANTED, REDEEMED, RETURNED, SIGNUP, SUBMITTED};

pub static ENTRIES: Spec = Spec {
    name: "points-entries",
    from: "entries t LEFT JOIN tasks k ON k.id = t.task_id LEFT JOIN grants g ON g.id = t.grant_id",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("type", TYPE, Kind::Text),
        Column::new("points", "iif(t.debit = t.user_id, -t.amount, t.amount)", Kind::Int),
        Column::new("taskNo", "k.task_no", Kind::Text),
        Column::new("taskId", "t.task_id", Kind::Int),
        Column::localized("description", description, Kind::Text),
        Column::new("createTime", "t.created_at", Kind::ShanghaiTime),
    ],
    visible: Visible::Where("t.user_id = :me AND t.kind <> 'capture'"),
    owner: "t.user_id",
    seq: "t.id",
    end: "TRUE",
    filters: &[Filter { name: "type", aliases: &[], rule: FilterRule::OneOf(TYPE, TYPES) }],
    sorts: &[Sort { name: "createTime", aliases: &[], sql: "t.id", descending: true }],
    ..Spec::EMPTY
};

const TYPES: Choices = &[
    ("consume", &[]),
    ("refund", &[]),
    ("grant", &[]),
    ("signup", &[]),
    ("redeem", &[]),
    ("expire", &[]),
    ("forfeit", &[]),
];

const TYPE: &str =
    "CASE t.kind WHEN 'hold' THEN 'consume' WHEN 'void' THEN 'refund' WHEN 'grant' THEN g.kind ELSE t.kind END";

fn description(lang: Lang) -> String {
    let text = |text: &Text| literal(text.of(lang));
    format!(
        "CASE t.kind WHEN 'hold' THEN {} WHEN 'void' THEN {} WHEN 'expire' THEN {} \
         WHEN 'grant' THEN CASE g.kind WHEN 'signup' THEN {} WHEN 'redeem' THEN {} \
         ELSE iif(g.reason = '', {}, g.reason) END ELSE {} END",
        text(&SUBMITTED),
        text(&RETURNED),
        text(&EXPIRED),
        text(&SIGNUP),
        text(&REDEEMED),
        text(&GRANTED),
        text(&FORFEITED)
    )
}
