//! What the frameworks send: whoever returns it may be a handler.
//!
//! The generated code asks behind as many references as there are steps. Method resolution takes one off at a time, and
//! stops at the first framework that sends the type: those come first whose handlers take anything.

use crate::call::handler::Sent;
use crate::codec::dispatch::OutputOf;

macro_rules! steps {
    ($($(#[$feature:meta])? $name:ident, [$($step:tt)*] $({$($bound:tt)*})?, $sent:ident;)*) => {$(
        /// A step.
        $(#[$feature])?
        pub trait $name {
            /// Who sends the return value.
            fn sent(self) -> Sent;
        }

        $(#[$feature])?
        impl<T $(: $($bound)*)?> $name for $($step)* OutputOf<T> {
            fn sent(self) -> Sent {
                Sent::$sent
            }
        }
    )*};
}

steps! {
    #[cfg(feature = "rocket")] SentByRocket, [&&&&&&&] {for<'r> ::rocket::response::Responder<'r, 'static>}, OfAnything;
    #[cfg(feature = "warp")] SentByWarp, [&&&&&&] {::warp::Reply}, OfAnything;
    #[cfg(feature = "axum")] SentByAxum, [&&&&&] {::axum::response::IntoResponse}, OfExtractors;
    #[cfg(feature = "actix")] SentByActix, [&&&&] {::actix_web::Responder}, OfExtractors;
    #[cfg(feature = "poem")] SentByPoem, [&&&] {::poem::IntoResponse}, OfExtractors;
    #[cfg(feature = "salvo")] SentBySalvo, [&&] {::salvo_core::Writer}, OfExtractors;
    SentByNobody, [&], Never;
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::codec::dispatch::output_of;

    /// The type of what such a function returns.
    fn returned<T>(value: T) -> OutputOf<T> {
        output_of(ready(value)).1
    }

    /// As the attribute asks.
    macro_rules! sent {
        ($output:expr) => {
            (&&&&&&&$output).sent()
        };
    }

    #[test]
    fn data_is_sent_by_nobody() {
        let (number, list) = (returned(7_u64), returned(vec![String::new()]));
        assert_eq!(sent!(number), Sent::Never);
        assert_eq!(sent!(list), Sent::Never);
        let result = returned(Err::<u64, std::fmt::Error>(std::fmt::Error));
        assert_eq!(sent!(result), Sent::Never);
    }

    /// With a type for each framework's trait that no other framework sends.
    #[test]
    fn each_framework_sends_its_own() {
        struct Own;

        macro_rules! own_is {
            ($feature:literal, $sent:ident, $own:item) => {
                #[cfg(feature = $feature)]
                {
                    struct Own;
                    $own
                    let output = returned(Own);
                    assert_eq!(sent!(output), Sent::$sent, $feature);
                }
            };
        }

        own_is!("axum", OfExtractors, impl ::axum::response::IntoResponse for Own {
            fn into_response(self) -> ::axum::response::Response {
                ::axum::response::Response::default()
            }
        });
        own_is!("actix", OfExtractors, impl ::actix_web::Responder for Own {
            type Body = ::actix_web::body::BoxBody;

            fn respond_to(self, _: &::actix_web::HttpRequest) -> ::actix_web::HttpResponse {
                ::actix_web::HttpResponse::Ok().finish()
            }
        });
        own_is!("poem", OfExtractors, impl ::poem::IntoResponse for Own {
            fn into_response(self) -> ::poem::Response {
                ::poem::Response::default()
            }
        });
        own_is!("salvo", OfExtractors, impl ::salvo_core::Scribe for Own {
            fn render(self, _: &mut ::salvo_core::Response) {}
        });
        own_is!(
            "rocket",
            OfAnything,
            impl<'r> ::rocket::response::Responder<'r, 'static> for Own {
                fn respond_to(
                    self,
                    _: &'r ::rocket::Request<'_>,
                ) -> ::rocket::response::Result<'static> {
                    Ok(::rocket::Response::new())
                }
            }
        );
        own_is!("warp", OfAnything, impl ::warp::Reply for Own {
            fn into_response(self) -> ::warp::reply::Response {
                ::warp::reply::Response::default()
            }
        });
        assert_eq!(sent!(returned(Own)), Sent::Never);
    }
}
