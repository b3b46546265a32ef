//! `Operation`: the address of a handler, what it takes, what it replies, who may call it. OpenAPI shows all of it.

use domain::api_key::Access;
use store::shape::documentation;
use store::{Shape, Spec};

use crate::form::Form;

/// One operation of the API.
#[derive(Clone, Copy)]
pub struct Operation {
    /// In capitals.
    pub method: &'static str,
    /// With parameters in braces: `/api/tags/{id}`.
    pub path: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// The JSON body.
    pub body: Option<&'static Form>,
    /// The success.
    pub replies: Replies,
    /// Needs a credential.
    pub secured: bool,
    /// Needs a secret of the deployment or a runner's token: no API key.
    pub machine: bool,
    /// Takes `Idempotency-Key`.
    pub idempotent: bool,
    /// The scope that an API key needs; None for what its method and function say.
    pub access: Option<Access>,
}

/// The success of an operation.
#[derive(Clone, Copy)]
pub enum Replies {
    /// A page of a list.
    Page(&'static Spec),
    /// One row.
    Item(&'static Spec),
    /// A new row: 201.
    Created(&'static Spec),
    /// JSON of another shape.
    Json {
        /// HTTP status.
        status: u16,
        /// One sentence.
        about: &'static str,
        /// Of the body.
        shape: &'static Shape,
    },
    /// A redirect: 302.
    Redirect(&'static str),
    /// No body: 204.
    Nothing,
    /// Bytes of this media type.
    Bytes(&'static str),
}

impl Operation {
    const fn new(method: &'static str, path: &'static str, summary: &'static str, replies: Replies) -> Operation {
        Operation {
            method,
            path,
            summary: documentation(summary),
            body: None,
            replies,
            secured: false,
            machine: false,
            idempotent: false,
            access: None,
        }
    }

    /// `GET` of a list, by anyone.
    pub const fn list(path: &'static str, spec: &'static Spec, summary: &'static str) -> Operation {
        Operation::new("GET", path, summary, Replies::Page(spec))
    }

    /// `GET` of a row, by anyone.
    pub const fn read(path: &'static str, spec: &'static Spec, summary: &'static str) -> Operation {
        Operation::new("GET", path, summary, Replies::Item(spec))
    }

    /// `POST` by an authenticated user, with `Idempotency-Key`.
    pub const fn create(
        path: &'static str,
        spec: &'static Spec,
        form: &'static Form,
        summary: &'static str,
    ) -> Operation {
        Operation::new("POST", path, summary, Replies::Created(spec)).takes(form).secured().once()
    }

    /// `PATCH` by an authenticated user.
    pub const fn update(
        path: &'static str,
        spec: &'static Spec,
        form: &'static Form,
        summary: &'static str,
    ) -> Operation {
        Operation::new("PATCH", path, summary, Replies::Item(spec)).takes(form).secured()
    }

    /// `DELETE` by an authenticated user.
    pub const fn delete(path: &'static str, summary: &'static str) -> Operation {
        Operation::new("DELETE", path, summary, Replies::Nothing).secured()
    }

    /// Any other operation, by anyone.
    pub const fn other(method: &'static str, path: &'static str, summary: &'static str, replies: Replies) -> Operation {
        Operation::new(method, path, summary, replies)
    }

    /// Takes this body.
    pub const fn takes(mut self, form: &'static Form) -> Operation {
        self.body = Some(form);
        self
    }

    /// Needs an authenticated user.
    pub const fn secured(mut self) -> Operation {
        self.secured = true;
        self
    }

    /// Needs a secret of the deployment or a runner's token.
    pub const fn machine(mut self) -> Operation {
        self.machine = true;
        self.secured()
    }

    /// Takes `Idempotency-Key`.
    pub const fn once(mut self) -> Operation {
        self.idempotent = true;
        self
    }

    /// Needs this scope of an API key, whatever its method.
    pub const fn needs(mut self, access: Access) -> Operation {
        self.access = Some(access);
        self
    }

    /// Needs no credential.
    pub const fn open(mut self) -> Operation {
        self.secured = false;
        self
    }
}
