//! The way from the settings to the servers.

use std::sync::Arc;

use deadpool_redis::redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use deadpool_redis::redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
};
use deadpool_redis::{Manager, Pool, Runtime};

use super::tls::Tls;
use super::{Address, Limits, Settings};
use crate::error::CacheError;
use crate::store::{Fleet, Guide, Lane, Pools, Role, Servers};

/// Who asks.
struct User<'s> {
    name: &'s str,
    password: &'s str,
    db: i64,
}

impl Settings {
    /// Whom to ask, and what to call them.
    pub(super) fn servers(&self, limits: Arc<Limits>) -> Result<(Servers, String), CacheError> {
        self.check_place()?;
        if !self.cluster_nodes.is_empty() {
            return self.cluster(self.pools(Tls::new(self)?), limits);
        }
        if !self.sentinels.is_empty() {
            return self.sentinel(limits);
        }
        let tls = Tls::new(self)?;
        let info = match &self.url {
            Some(url) => parse_url(url)?,
            None => self
                .user()
                .at(ConnectionAddr::Tcp(self.host.clone(), self.port))?,
        };
        let info = tls.encrypt(info)?;
        let name = name(&info);
        let lane = Lane::new(
            info.addr().to_string(),
            Role::Alone,
            self.pool(info)?,
            limits,
        );
        Ok((Servers::One(lane), name))
    }

    /// The settings that would be ignored beside others.
    fn check_place(&self) -> Result<(), CacheError> {
        let (cluster, sentinels) = (!self.cluster_nodes.is_empty(), !self.sentinels.is_empty());
        let (setting, reason) = if cluster && sentinels {
            (
                "REDIS_CACHE_SENTINELS",
                "can't be set together with REDIS_CACHE_CLUSTER_NODES",
            )
        } else if self.url.is_some() && (cluster || sentinels) {
            (
                "REDIS_CACHE_URL",
                "names one server, and can't be set together with REDIS_CACHE_CLUSTER_NODES or REDIS_CACHE_SENTINELS",
            )
        } else if cluster && self.db != 0 {
            (
                "REDIS_CACHE_DB",
                "must be 0: a cluster has no other database",
            )
        } else if sentinels && self.sentinel_master.is_empty() {
            (
                "REDIS_CACHE_SENTINEL_MASTER",
                "must be the name that the sentinels have for the master",
            )
        } else if !sentinels && !self.sentinel_master.is_empty() {
            (
                "REDIS_CACHE_SENTINELS",
                "must name the sentinels, as host:port,host:port, that know this REDIS_CACHE_SENTINEL_MASTER",
            )
        } else {
            return Ok(());
        };
        Err(CacheError::config(setting, reason))
    }

    fn user(&self) -> User<'_> {
        User {
            name: &self.username,
            password: &self.password,
            db: self.db,
        }
    }

    fn pool(&self, info: ConnectionInfo) -> Result<Pool, CacheError> {
        if self.max_connections == 0 {
            let reason = "must be above zero";
            return Err(CacheError::config("REDIS_CACHE_MAX_CONNECTIONS", reason));
        }
        let tcp = TcpSettings::default().set_nodelay(true);
        let keepalive = TcpKeepalive::new().with_time(self.health_check_interval);
        // Not every server knows the command for it, and a rule for a user can't name one that it does not know.
        let unnamed = info.redis_settings().clone().set_skip_set_lib_name();
        let info = info.set_redis_settings(unnamed);
        let info = info.set_tcp_settings(if self.socket_keepalive {
            tcp.set_keepalive(keepalive)
        } else {
            tcp
        });
        let connection = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.socket_connect_timeout))
            .set_response_timeout(Some(self.socket_timeout));
        let manager = Manager::new_with_config(info, connection)?;
        Pool::builder(manager)
            .max_size(self.max_connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(self.socket_timeout))
            .create_timeout(Some(self.socket_connect_timeout))
            .recycle_timeout(Some(self.socket_timeout))
            .build()
            .map_err(|error| CacheError::config("REDIS_CACHE_MAX_CONNECTIONS", error))
    }
}

impl Settings {
    /// The cluster that these nodes know, by these pools.
    pub(super) fn cluster(
        &self,
        pools: Pools,
        limits: Arc<Limits>,
    ) -> Result<(Servers, String), CacheError> {
        let nodes = addresses("REDIS_CACHE_CLUSTER_NODES", &self.cluster_nodes)?;
        let seeds = nodes.iter().map(|node| {
            let pool = (pools.0)(node)?;
            Ok(Lane::new(
                node.to_string(),
                Role::Node,
                pool,
                limits.clone(),
            ))
        });
        let seeds = seeds.collect::<Result<_, CacheError>>()?;
        let name = format!("redis cluster {}", listed(&nodes));
        Ok((
            Servers::Fleet(Fleet::new(Guide::Cluster, seeds, pools, limits)),
            name,
        ))
    }
}

impl Settings {
    fn sentinel(&self, limits: Arc<Limits>) -> Result<(Servers, String), CacheError> {
        let tls = Tls::new(self)?;
        let sentinels = addresses("REDIS_CACHE_SENTINELS", &self.sentinels)?;
        let user = User {
            name: &self.sentinel_username,
            password: &self.sentinel_password,
            db: 0,
        };
        let seeds = sentinels.iter().map(|sentinel| {
            let pool = self.pool(tls.encrypt(user.at(sentinel.tcp())?)?)?;
            Ok(Lane::new(
                sentinel.to_string(),
                Role::Sentinel,
                pool,
                limits.clone(),
            ))
        });
        let seeds = seeds.collect::<Result<_, CacheError>>()?;
        let master = self.sentinel_master.clone();
        let name = format!(
            "redis master `{master}` of the sentinels {}",
            listed(&sentinels)
        );
        let fleet = Fleet::new(Guide::Sentinels(master), seeds, self.pools(tls), limits);
        Ok((Servers::Fleet(fleet), name))
    }
}

impl Settings {
    /// Of servers that others name.
    fn pools(&self, tls: Tls) -> Pools {
        let settings = self.clone();
        Pools(Arc::new(move |address| {
            let info = settings.user().at(address.tcp())?;
            settings.pool(tls.encrypt(info)?)
        }))
    }
}

fn addresses(setting: &'static str, texts: &[String]) -> Result<Vec<Address>, CacheError> {
    let addresses = texts.iter().map(|text| text.parse());
    let addresses: Result<_, &str> = addresses.collect();
    addresses.map_err(|reason| CacheError::config(setting, reason))
}

fn listed(addresses: &[Address]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(",")
}

impl User<'_> {
    fn at(&self, address: ConnectionAddr) -> Result<ConnectionInfo, CacheError> {
        let info = address.into_connection_info()?;
        let mut redis = info.redis_settings().clone().set_db(self.db);
        if !self.name.is_empty() {
            redis = redis.set_username(self.name);
        }
        if !self.password.is_empty() {
            redis = redis.set_password(self.password);
        }
        Ok(info.set_redis_settings(redis))
    }
}

fn parse_url(url: &str) -> Result<ConnectionInfo, CacheError> {
    const ACCEPTED: &str = "must look like redis://user:password@host:6379/0, rediss://… for TLS, or redis+unix:///path/to/socket?db=0";
    // The reason that the parser gives may quote the URL, and with it the password.
    let info = url.into_connection_info();
    info.map_err(|_| CacheError::config("REDIS_CACHE_URL", ACCEPTED))
}

fn name(info: &ConnectionInfo) -> String {
    let db = info.redis_settings().db();
    match info.addr() {
        ConnectionAddr::Unix(path) => format!("redis+unix://{}?db={db}", path.display()),
        ConnectionAddr::TcpTls { .. } => format!("rediss://{}/{db}", info.addr()),
        address => format!("redis://{address}/{db}"),
    }
}
