//! Methods: every receiver, associated functions, defaults of traits, `Self`, and constants of it.

use std::fmt::Display;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, cache};

#[derive(Clone)]
struct Service<T> {
    cache: Cache,
    tenant: T,
}

impl<T: Display> Service<T> {
    const EXPIRATION: Duration = Duration::from_secs(60);

    #[cache("by_value:{self.tenant}", cache = self.cache)]
    async fn by_value(self, id: u64) -> u64 {
        id
    }

    #[cache("mutable:{self.tenant}", cache = self.cache)]
    async fn mutable(mut self, id: u64) -> u64
    where
        T: Default + PartialEq,
    {
        let tenant = std::mem::take(&mut self.tenant);
        id + u64::from(tenant == self.tenant)
    }

    #[cache("shared:{self.tenant}", cache = self.cache)]
    async fn shared(self: Arc<Self>, id: u64) -> u64 {
        id
    }

    #[cache("detached:{self.tenant}", cache = self.cache, detached)]
    async fn detached(self: Arc<Self>, id: u64) -> u64
    where
        T: Send + Sync + 'static,
    {
        id
    }

    #[cache("counted:{self.tenant}", cache = self.cache)]
    async fn counted(self: Rc<Self>, id: u64) -> u64 {
        id
    }

    #[cache("boxed:{self.tenant}", cache = self.cache)]
    async fn boxed(self: Box<Self>, id: u64) -> u64 {
        id
    }

    #[cache("pinned:{self.tenant}", cache = self.cache)]
    async fn pinned(self: Pin<&mut Self>, id: u64) -> u64 {
        id
    }

    #[cache("typed:{self.tenant}", cache = self.cache)]
    async fn typed(self: &Self, id: u64) -> u64 {
        id
    }

    #[cache("associated:{tenant}", expiration = Self::EXPIRATION)]
    async fn associated(tenant: T, id: u64) -> u64 {
        id
    }

    #[cache("named:{this}", skip(cache))]
    async fn named<'a>(this: &'a T, cache: &'a Cache) -> Option<u64> {
        None
    }

    #[cache("refreshed", stale_while_revalidate = 60)]
    async fn nothing_to_borrow(id: u64) -> u64 {
        id
    }
}

trait Source {
    const EXPIRATION: Duration;
    type Value: serde::Serialize + serde::de::DeserializeOwned + Clone;

    fn tenant(&self) -> &str;
    fn value(&self) -> Self::Value;

    #[allow(async_fn_in_trait)]
    #[cache("default:{Self}", skip(self), expiration = Self::EXPIRATION, condition = !self.tenant().is_empty())]
    async fn load(&self, id: u64) -> Self::Value {
        self.value()
    }

    #[allow(async_fn_in_trait)]
    #[cache("default", method = "DELETE")]
    async fn remove(&mut self, id: u64) {}
}

impl Source for Service<String> {
    const EXPIRATION: Duration = Duration::from_secs(5);
    type Value = Vec<u8>;

    fn tenant(&self) -> &str {
        &self.tenant
    }

    fn value(&self) -> Vec<u8> {
        vec![1]
    }
}

/// A value of the type that the method belongs to.
#[derive(Clone, serde::Deserialize, serde::Serialize)]
struct Post {
    id: u64,
}

impl Post {
    #[cache("post")]
    async fn find(id: u64) -> Self {
        Self { id }
    }

    #[cache("post", resource_id_name = "self.id", method = "PUT")]
    async fn save(&self) -> Result<Self, String> {
        Ok(self.clone())
    }
}

fn main() {
    let mut service = Service {
        cache: Cache::in_memory(),
        tenant: String::from("a"),
    };
    let _ = service.clone().by_value(1);
    let _ = service.clone().mutable(1);
    let _ = Arc::new(service.clone()).shared(1);
    let _ = Arc::new(service.clone()).detached(1);
    let _ = Rc::new(service.clone()).counted(1);
    let _ = Box::new(service.clone()).boxed(1);
    let _ = Pin::new(&mut service).pinned(1);
    let _ = service.typed(1);
    let _ = Service::associated(1, 2);
    let _ = Service::named(&1, &service.cache);
    let _ = Service::<u8>::nothing_to_borrow(1);
    let _ = service.load(1);
    let _ = service.remove(1);
    let _ = Post::find(1);
    let _ = Post { id: 1 }.save();
}
