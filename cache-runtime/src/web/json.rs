//! The frameworks' `Json`, all of one shape.

/// Declares a framework's `Json`, which is stored as what it wraps.
macro_rules! json_output {
    ($codec:ident, $json:ident) => {
        /// The value is what the framework's `Json` wraps.
        #[derive(Debug)]
        pub struct $codec<T>(std::marker::PhantomData<T>);

        impl<T: serde::Serialize + serde::de::DeserializeOwned> $crate::codec::Codec for $codec<T> {
            type Output = $json<T>;
            type Value = T;
            type Error = std::convert::Infallible;
            type Hold = $crate::codec::hold::HoldAll<$json<T>>;

            const IS_JSON: bool = true;
            const IS_RESPONSE: bool = true;

            fn outcome(_: &$json<T>) -> $crate::codec::outcome::WriteOutcome<()> {
                $crate::codec::outcome::WriteOutcome::Succeeded(())
            }

            fn encode(
                output: &mut $json<T>,
                unless: impl FnOnce(&T) -> bool,
            ) -> $crate::codec::LoadResult {
                $crate::codec::encode_value(&output.0, unless)
            }

            fn read_back(
                output: &$json<T>,
                json: &bytes::Bytes,
            ) -> Option<$crate::codec::NotReadBack> {
                $crate::codec::read_back(&output.0, json)
            }

            fn decode(body: &mut $crate::codec::Body) -> serde_json::Result<$json<T>> {
                serde_json::from_slice(body.bytes()).map($json)
            }
        }

        impl<T: serde::Serialize + serde::de::DeserializeOwned> $crate::codec::with_status::HasCodec
            for $json<T>
        {
            type Codec = $codec<T>;
        }

        impl<T: serde::Serialize + serde::de::DeserializeOwned>
            $crate::codec::dispatch::Inner<$json<T>>
        {
            /// The codec of a `Json`.
            pub fn codec(self) -> $codec<T> {
                $codec(std::marker::PhantomData)
            }
        }
    };
}

pub(crate) use json_output;
