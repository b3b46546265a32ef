//! Who sees the rows of a resource: as a condition on one row, and as the branches of a list. A list reads each branch
//! along an index and merges them; one condition with `OR` would read the whole table.

/// Who sees a row `t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visible {
    /// Everyone.
    All,
    /// Everyone if it is public, else its owner and administrators. The table has `public` and `user_id`.
    PublicOrOwn,
    /// Its owner and administrators. The table has `user_id`.
    Own,
    /// Administrators.
    Admins,
    /// Whoever this condition of ours is true for, the same way for every caller.
    Where(&'static str),
}

/// What a list is narrowed to before its other filters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// Rows of these users, each named once.
    pub owners: Option<Vec<i64>>,
    /// Rows with these values of `public`.
    pub public: Option<Vec<i64>>,
}

/// Rows of a list that are read along one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Only for administrators.
    pub admin: bool,
    /// The value of `public`; None for a table without it, or where it does not matter.
    pub public: Option<bool>,
    /// Whose rows.
    pub owners: Owners,
}

/// Whose rows a branch reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// Those of `Narrowed::owners`.
    Narrowed,
    /// The caller's.
    Me,
    /// Those of `Narrowed::owners` but the caller's.
    Others,
}

impl Visible {
    /// The condition on a row, for every caller.
    pub const fn condition(self) -> &'static str {
        match self {
            Visible::All => "TRUE",
            Visible::PublicOrOwn => "(t.public = 1 OR t.user_id = :me OR (SELECT admin FROM users WHERE id = :me) = 1)",
            Visible::Own => "(t.user_id = :me OR (SELECT admin FROM users WHERE id = :me) = 1)",
            Visible::Admins => "(SELECT admin FROM users WHERE id = :me) = 1",
            Visible::Where(condition) => condition,
        }
    }

    /// The branches of a list for the caller `me`, 0 when anonymous. No row is in two of them, and whoever sees no row
    /// has none.
    pub fn branches(self, narrowed: &Narrowed, me: i64) -> Vec<Branch> {
        let has = |public: bool| narrowed.public.as_ref().is_none_or(|set| set.contains(&i64::from(public)));
        let mine = me != 0 && narrowed.owners.as_ref().is_none_or(|owners| owners.contains(&me));
        let others = me != 0 && narrowed.owners.as_ref().is_none_or(|owners| owners.iter().any(|id| *id != me));
        let private = |public: Option<bool>| {
            let own = mine.then_some(Branch { admin: false, public, owners: Owners::Me });
            own.into_iter().chain(others.then_some(Branch { admin: true, public, owners: Owners::Others }))
        };
        // Where `public` decides nothing, it may still be asked for.
        let asked =
            narrowed.public.as_ref().filter(|set| set.len() == 1).and_then(|set| set.first()).map(|flag| *flag == 1);
        let all = |public: Option<bool>| Branch { admin: false, public, owners: Owners::Narrowed };
        match self {
            Visible::All | Visible::Where(_) => vec![all(asked)],
            Visible::Admins if me == 0 => Vec::new(),
            Visible::Admins => vec![Branch { admin: true, ..all(asked) }],
            Visible::Own => private(asked).collect(),
            Visible::PublicOrOwn => {
                let public = has(true).then(|| all(Some(true)));
                let private = private(Some(false)).filter(|_| has(false));
                public.into_iter().chain(private).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(owners: &[i64], public: &[bool]) -> Narrowed {
        Narrowed {
            owners: (!owners.is_empty()).then(|| owners.to_vec()),
            public: (!public.is_empty()).then(|| public.iter().map(|flag| i64::from(*flag)).collect()),
        }
    }

    fn branches(visible: Visible, owners: &[i64], public: &[bool], me: i64) -> String {
        let name = |branch: &Branch| {
            let owners = match branch.owners {
                Owners::Narrowed => "",
                Owners::Me => "own ",
                Owners::Others => "others' ",
            };
            let public = branch.public.map_or("all", |public| if public { "public" } else { "private" });
            format!("{}{owners}{public}", if branch.admin { "admin: " } else { "" })
        };
        visible.branches(&narrowed(owners, public), me).iter().map(name).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_list_has_a_branch_for_each_way_to_see_a_row() {
        use Visible::{Admins, All, Own, PublicOrOwn};
        for (visible, owners, public, me, expected) in [
            (All, &[] as &[i64], &[] as &[bool], 0, "all"),
            (PublicOrOwn, &[], &[], 0, "public"),
            (PublicOrOwn, &[], &[false], 0, ""),
            (PublicOrOwn, &[], &[], 7, "public, own private, admin: others' private"),
            (PublicOrOwn, &[7], &[], 7, "public, own private"),
            (PublicOrOwn, &[8], &[], 7, "public, admin: others' private"),
            (PublicOrOwn, &[7, 8], &[true], 7, "public"),
            (PublicOrOwn, &[], &[false], 7, "own private, admin: others' private"),
            (Own, &[], &[], 0, ""),
            (Own, &[7], &[true], 7, "own public"),
            (Own, &[], &[], 7, "own all, admin: others' all"),
            (Own, &[7], &[], 7, "own all"),
            (Own, &[8], &[], 7, "admin: others' all"),
            (Admins, &[], &[], 0, ""),
            (Admins, &[], &[], 7, "admin: all"),
        ] {
            assert_eq!(branches(visible, owners, public, me), expected, "{visible:?} {owners:?} {public:?} {me}");
        }
    }
}
