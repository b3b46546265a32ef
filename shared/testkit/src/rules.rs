//! The rules every resource keeps, as one check: a function's tests call `Resource::check` and then test what is
//! special.

use serde_json::{Value as Json, json};

use crate::kit::{Account, Kit};

/// A resource at `/api/{name}`, for `check`.
pub struct Resource<'a> {
    /// `/api/tags`
    pub path: &'a str,
    /// The body of `n`-th creation; each must be different.
    pub create: &'a dyn Fn(usize) -> Json,
    /// A change that the owner may make; None for a resource without PATCH.
    pub change: Option<Json>,
    /// Who sees a new row.
    pub seen_by: SeenBy,
    /// Who may create.
    pub created_by: CreatedBy,
}

/// Who sees a new row of a resource.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SeenBy {
    /// Anyone.
    Everyone,
    /// Its owner and administrators. Lists are empty for others.
    Owner,
    /// As `Owner`, and lists need a credential.
    OwnerAlone,
    /// Administrators, and lists need a credential.
    Administrators,
}

/// Who may create rows of a resource.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CreatedBy {
    /// Any user.
    Users,
    /// Administrators.
    Administrators,
}

/// The accounts of one check.
struct Accounts {
    owner: Account,
    stranger: Account,
    admin: Account,
}

impl Resource<'_> {
    /// Checks the rules on an empty table.
    pub async fn check(&self, kit: &Kit) {
        let admin = kit.admin("rules-admin").await;
        let owner = match self.created_by {
            CreatedBy::Users => kit.user("rules-owner").await,
            CreatedBy::Administrators => admin.clone(),
        };
        let accounts = Accounts { owner, stranger: kit.user("rules-stranger").await, admin };
        self.writes_need_a_credential(kit, &accounts).await;
        self.creations_are_idempotent(kit, &accounts).await;
        self.rows_are_shown_to_whom_they_belong(kit, &accounts).await;
        self.lists_have_both_versions(kit, &accounts).await;
        self.changes_are_published(kit, &accounts).await;
        self.each_request_is_one_transaction(kit, &accounts).await;
        self.deleted_rows_are_gone(kit, &accounts).await;
        self.former_administrators_get_no_repeat(kit).await;
    }

    /// Creates the `n`-th row.
    async fn made(&self, kit: &Kit, by: &Account, n: usize) -> Json {
        kit.wait(1);
        let made = kit.post(self.path, (self.create)(n)).by(by).send().await;
        assert_eq!(made.status, 201, "{}: {}", self.path, made.text());
        made.json()
    }

    fn at(&self, row: &Json) -> String {
        let id = row["id"].as_str().map_or_else(|| row["id"].to_string(), str::to_string);
        format!("{}/{id}", self.path)
    }

    async fn writes_need_a_credential(&self, kit: &Kit, accounts: &Accounts) {
        let body = (self.create)(0);
        assert_eq!(kit.post(self.path, body.clone()).send().await.refusal(), "401 unauthenticated", "{}", self.path);
        let unknown = format!("{}/999999", self.path);
        assert_eq!(kit.delete(&unknown).send().await.refusal(), "401 unauthenticated", "{}", self.path);
        if let Some(change) = &self.change {
            assert_eq!(kit.patch(&unknown, change.clone()).send().await.refusal(), "401 unauthenticated");
            assert_eq!(kit.patch(&unknown, change.clone()).by(&accounts.owner).send().await.status, 404);
            let read_key = kit.key(&accounts.owner, &["read"]).await;
            let refused = kit.patch(&unknown, change.clone()).by(&read_key).send().await;
            assert_eq!(refused.refusal(), "403 missing_scope", "{}", self.path);
        }
        if self.created_by == CreatedBy::Administrators {
            assert_eq!(kit.post(self.path, body).by(&accounts.stranger).send().await.refusal(), "403 forbidden");
        }
    }

    async fn creations_are_idempotent(&self, kit: &Kit, accounts: &Accounts) {
        let create =
            |n, key: &str| kit.post(self.path, (self.create)(n)).header("idempotency-key", key).by(&accounts.owner);
        let first = create(1, "k 1").send().await;
        assert_eq!(first.status, 201, "{}: {}", self.path, first.text());
        kit.wait(60_000);
        let repeat = create(1, "k 1").send().await;
        assert_eq!((repeat.status, repeat.header("location")), (201, first.header("location")), "{}", self.path);
        assert_eq!(repeat.bytes, first.bytes, "{}: a repeat gets another response", self.path);
        let other = create(2, "k 1").send().await;
        assert_eq!(other.refusal(), "422 idempotency_key_reused:Idempotency-Key", "{}", self.path);
        let bad = create(3, &"x".repeat(256)).send().await;
        assert_eq!(bad.refusal(), "400 invalid_idempotency_key:Idempotency-Key", "{}", self.path);
        let row = first.json();
        let gone = kit.delete(&self.at(&row)).by(&accounts.owner).send().await;
        assert_eq!(gone.status, 204, "{}: {}", self.path, gone.text());
    }

    async fn rows_are_shown_to_whom_they_belong(&self, kit: &Kit, accounts: &Accounts) {
        let Accounts { owner, stranger, admin } = accounts;
        let row = self.made(kit, owner, 4).await;
        let path = self.at(&row);
        for reader in [owner, admin] {
            assert_eq!(kit.get(&path).by(reader).send().await.status, 200, "{path}");
        }
        let unknown = kit.get(&format!("{}/999999", self.path)).by(stranger).send().await;
        assert_eq!(unknown.refusal(), "404 not_found", "{}", self.path);
        let seen = kit.get(&path).by(stranger).send().await;
        let refusal = match self.seen_by {
            SeenBy::Everyone => {
                assert_eq!((seen.status, kit.get(&path).send().await.status), (200, 200), "{path}");
                "403 forbidden"
            }
            _ => {
                assert_eq!(seen.bytes, unknown.bytes, "{path}: a hidden row differs from one that does not exist");
                assert_ne!(kit.get(&path).send().await.status, 200, "{path}");
                "404 not_found"
            }
        };
        assert_eq!(kit.delete(&path).by(stranger).send().await.refusal(), refusal, "{path}");
        if let Some(change) = &self.change {
            assert_eq!(kit.patch(&path, change.clone()).by(stranger).send().await.refusal(), refusal, "{path}");
            let changed = kit.patch(&path, json!({"no_such_field": 1})).by(owner).send().await;
            assert_eq!(changed.refusal(), "400 nothing_to_change", "{path}");
        }
        let others = kit.get(self.path).by(stranger).send().await;
        match self.seen_by {
            SeenBy::Everyone => assert!(others.json()["total"].as_i64() >= Some(1), "{}", self.path),
            SeenBy::Owner | SeenBy::OwnerAlone => assert_eq!(others.json()["total"], 0, "{}", self.path),
            SeenBy::Administrators => assert_eq!(others.refusal(), "403 forbidden", "{}", self.path),
        }
        let anonymous = kit.get(self.path).send().await;
        match self.seen_by {
            SeenBy::Everyone => assert_eq!(anonymous.status, 200, "{}", self.path),
            SeenBy::Owner => assert_eq!(anonymous.json()["total"], 0, "{}", self.path),
            _ => assert_eq!(anonymous.refusal(), "401 unauthenticated", "{}", self.path),
        }
    }

    async fn lists_have_both_versions(&self, kit: &Kit, accounts: &Accounts) {
        let list = |query: &str| kit.get(&format!("{}?{query}", self.path)).by(&accounts.owner);
        let v1 = list("page_size=1").send().await.json();
        let v0 = list("profile=v0&pageSize=1").send().await.json();
        for key in ["page", "page_size", "total", "next", "next_cursor", "list"] {
            assert!(v1.get(key).is_some(), "{}: v1 lists have {key}", self.path);
        }
        for key in ["page", "pageSize", "next", "nextCursor", "list"] {
            assert!(v0.get(key).is_some(), "{}: v0 lists have {key}", self.path);
        }
        let keys =
            |page: &Json| -> Vec<String> { page["list"][0].as_object().expect("a row").keys().cloned().collect() };
        assert!(keys(&v0).iter().all(|key| !key.contains('_')), "{}: v0 keys are camelCase", self.path);
        assert!(
            keys(&v1).iter().all(|key| !key.chars().any(char::is_uppercase)),
            "{}: v1 keys are snake_case",
            self.path
        );
        let id = v1["list"][0]["id"].as_str().map_or_else(|| v1["list"][0]["id"].to_string(), str::to_string);
        let path = format!("{}/{id}", self.path);
        let one = kit.get(&path).header("x-api-profile", "v0").by(&accounts.owner).send().await;
        assert_eq!(one.json(), v0["list"][0], "{path}: a row is the same in the list and alone");
        for bad in ["page=0", "page_size=101", "size=x", "sort=no_such_sort", "cursor=zzz"] {
            assert_eq!(list(bad).send().await.status, 400, "{}?{bad}", self.path);
        }
    }

    async fn changes_are_published(&self, kit: &Kit, accounts: &Accounts) {
        let Some(change) = &self.change else { return };
        let row = self.made(kit, &accounts.owner, 5).await;
        let path = self.at(&row);
        let room = path.trim_start_matches("/api/").to_string();
        kit.published().await;
        let changed = kit.patch(&path, change.clone()).by(&accounts.owner).send().await;
        assert_eq!(changed.status, 200, "{path}: {}", changed.text());
        kit.delete(&path).by(&accounts.owner).send().await;
        let events: Vec<_> = kit.published().await.into_iter().filter(|(at, _)| *at == room).collect();
        let [(_, change), (_, gone)] = events.as_slice() else { panic!("{path}: {events:?}") };
        let owners = change.owner.as_ref().and_then(|frame| frame.text("v1")).expect("a frame for the owner");
        assert_eq!(serde_json::from_str::<Json>(owners).ok(), Some(changed.json()), "{path}: the frame is the row");
        assert_eq!(change.public.is_some(), self.seen_by == SeenBy::Everyone, "{path}");
        assert!(!change.end && gone.end && gone.seq > change.seq, "{path}");
        assert!(gone.owner.is_none() && gone.public.is_none(), "{path}");
    }

    async fn each_request_is_one_transaction(&self, kit: &Kit, accounts: &Accounts) {
        let by = &accounts.owner;
        kit.wait(1);
        kit.batches();
        let made = kit.post(self.path, (self.create)(6)).header("idempotency-key", "k 6").by(by).send().await;
        assert_eq!((made.status, kit.batches()), (201, 1), "{}: create", self.path);
        let path = self.at(&made.json());
        assert_eq!((kit.get(self.path).by(by).send().await.status, kit.batches()), (200, 1), "{}: list", self.path);
        assert_eq!((kit.get(&path).by(by).send().await.status, kit.batches()), (200, 1), "{path}: read");
        if let Some(change) = &self.change {
            let changed = kit.patch(&path, change.clone()).by(by).send().await;
            assert_eq!((changed.status, kit.batches()), (200, 1), "{path}: update");
        }
        assert_eq!((kit.delete(&path).by(by).send().await.status, kit.batches()), (204, 1), "{path}: delete");
        kit.settle().await;
    }

    async fn deleted_rows_are_gone(&self, kit: &Kit, accounts: &Accounts) {
        let row = self.made(kit, &accounts.owner, 7).await;
        let path = self.at(&row);
        let gone = kit.delete(&path).by(&accounts.admin).send().await;
        assert_eq!((gone.status, gone.text().as_str()), (204, ""), "{path}: administrators may delete");
        let unknown = kit.get(&format!("{}/999999", self.path)).by(&accounts.owner).send().await;
        assert_eq!(kit.get(&path).by(&accounts.owner).send().await.bytes, unknown.bytes, "{path}");
        assert_eq!(kit.delete(&path).by(&accounts.owner).send().await.refusal(), "404 not_found", "{path}");
        for id in ["0", "-1", "x", "9007199254740992", "%00", "1/2"] {
            let path = format!("{}/{id}", self.path);
            assert_eq!(kit.get(&path).by(&accounts.owner).send().await.status, 404, "{path}");
        }
    }

    async fn former_administrators_get_no_repeat(&self, kit: &Kit) {
        if self.created_by != CreatedBy::Administrators {
            return;
        }
        let former = kit.admin("rules-former").await;
        let create = || kit.post(self.path, (self.create)(8)).header("idempotency-key", "k 8").by(&former).send();
        assert_eq!(create().await.status, 201, "{}", self.path);
        kit.sql("UPDATE users SET admin = 0 WHERE id = ?1", [former.id.into()]).await;
        assert_eq!(create().await.refusal(), "403 forbidden", "{}", self.path);
    }
}

/// Sends each body as JSON and expects each refusal, as `400 code:param`.
pub async fn refuses_bodies(kit: &Kit, method: &str, path: &str, by: &Account, refusals: &[(Json, &str)]) {
    for (body, refusal) in refusals {
        let reply = kit.call(method, path).json(body.clone()).by(by).send().await;
        assert_eq!(reply.refusal(), *refusal, "{method} {path} {body}");
    }
}

/// Sends bodies that are no JSON object, too large or of another media type, and expects their refusals.
pub async fn refuses_malformed_bodies(kit: &Kit, method: &str, path: &str, by: &Account) {
    let send = |media: &str, body: Vec<u8>| kit.call(method, path).body(media, body).by(by);
    for body in ["", "{", "[]", "7", "null", "\"x\"", "{\"a\":\"\\ud800\"}", "{\"a\":1e999}"] {
        let reply = send("application/json", body.into()).send().await;
        assert_eq!(reply.refusal(), "400 malformed_json", "{method} {path} {body}");
    }
    for body in ["[".repeat(100_000).into_bytes(), vec![b' '; 10 << 20]] {
        let reply = send("application/json", body).send().await;
        assert_eq!(reply.refusal(), "413 body_too_large", "{method} {path}");
    }
    let form = send("text/plain", b"name=a".to_vec()).send().await;
    assert_eq!(form.refusal(), "415 unsupported_media_type:Content-Type", "{method} {path}");
}
