//! The frameworks' `Json`, all of one shape.

/// Declares a framework's `Json`, which is stored as what it wraps.
macro_rules! json_answer {
    ($codec:ident, $json:ident) => {
        /// The value is what the framework's `Json` wraps.
        #[derive(Debug)]
        pub struct $codec<T>(std::marker::PhantomData<T>);

        impl<T: serde::Serialize + serde::de::DeserializeOwned> $crate::value::Codec for $codec<T> {
            type Answer = $json<T>;
            type Value = T;

            fn succeeded(_: &$json<T>) -> bool {
                true
            }

            fn made(answer: &mut $json<T>, unless: impl FnOnce(&T) -> bool) -> $crate::lease::Made {
                $crate::value::made(&answer.0, unless)
            }

            fn answer(json: &bytes::Bytes) -> serde_json::Result<$json<T>> {
                serde_json::from_slice(json).map($json)
            }
        }

        impl<T: serde::Serialize + serde::de::DeserializeOwned> $crate::status::HasCodec
            for $json<T>
        {
            type Codec = $codec<T>;
        }

        impl<T: serde::Serialize + serde::de::DeserializeOwned> $crate::value::Inner<$json<T>> {
            /// The codec of a `Json`.
            pub fn codec(self) -> $codec<T> {
                $codec(std::marker::PhantomData)
            }
        }
    };
}

pub(crate) use json_answer;
