//! What can't be a template that is written once.

mod shape {
    cache_runtime::templates! {
        pub(crate) post_key: &str = "{id}_post";
    }
}

mod public {
    cache_runtime::templates! {
        pub post_key = "{id}_post";
    }
}

mod text {
    cache_runtime::templates! {
        pub(crate) post_key = "{id_post";
        pub(crate) user_key = "";
    }
}

fn main() {}
