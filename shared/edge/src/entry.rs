//! The one macro: turns a function's `routes` into what its platform calls.

/// `entry!(routes)`: exports the function `routes() -> web::App` as this target's entry point. Natively there is none:
/// tests call `routes` themselves. Database, queue and hub are always at hand. Other engines are named, as in
/// `entry!(routes, BLOBS, FETCH)`, because each adds up to 8 KiB to the function: see `edge::engines`.
#[macro_export]
macro_rules! entry {
    ($routes:path $(, $engine:ident)*) => {
        #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
        mod entry {
            use std::sync::OnceLock;

            static APP: OnceLock<$crate::web::App> = OnceLock::new();

            #[worker::event(fetch)]
            async fn fetch(
                request: worker::web_sys::Request,
                env: worker::Env,
                context: worker::Context,
            ) -> worker::Result<worker::web_sys::Response> {
                let app = APP.get_or_init(|| $routes());
                $crate::worker::serve::<{ $crate::engines::NONE $(| $crate::engines::$engine)* }>(app, request, env, context)
                    .await
            }
        }

        #[cfg(target_os = "wasi")]
        mod entry {
            use spin_sdk::http::{IncomingRequest, ResponseOutparam};

            #[spin_sdk::http_component]
            async fn handle(request: IncomingRequest, out: ResponseOutparam) {
                $crate::spin::serve(&$routes(), request, out).await;
            }
        }
    };
}
