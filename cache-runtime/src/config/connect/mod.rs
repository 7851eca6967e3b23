//! The way from the settings to the servers.

mod tls;

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
    RedisError,
};
use deadpool_redis::{Manager, Pool, Runtime};

use self::tls::Tls;
use super::check::BESIDE_CREDENTIALS;
use super::settings::refused;
use super::{ClearAfter, Secret, Settings};
use crate::error::{CacheError, ErrorKind};
use crate::store::Keyspace;
use crate::store::redis::{
    Access, Address, ConnectionOptions, CredentialsSource, Discovery, Members, Node, Pools, Role,
    Router, Server, Topology,
};

/// Who connects.
struct User<'s> {
    name: &'s str,
    password: &'s Secret,
    db: i64,
}

/// Who connects, where that is asked for each connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Logins {
    pub(super) servers: Option<CredentialsSource>,
    pub(super) sentinels: Option<CredentialsSource>,
}

/// The kernel refuses to connect with less than a second or more than this before the first probe.
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(32_767);

impl Settings {
    pub(super) fn connection_options(&self, keyspace: &Keyspace) -> Arc<ConnectionOptions> {
        Arc::new(ConnectionOptions {
            deadline: self.deadline,
            connect_timeout: self.connect_timeout,
            response_timeout: self.response_timeout,
            health_check_interval: self.health_check_interval,
            retry_on_disconnect: self.retry_on_disconnect,
            clear_after_restart: self.clear_after != ClearAfter::Never,
            clear_after_failover: self.clear_after == ClearAfter::Failover,
            keyspace: keyspace.clone(),
            probe_key: keyspace.probe(),
        })
    }

    /// The servers, and what they are called in the log.
    pub(super) fn topology(
        &self,
        options: Arc<ConnectionOptions>,
        logins: &Logins,
    ) -> Result<(Topology, String), CacheError> {
        if !self.cluster_nodes.is_empty() {
            return self.cluster(self.pools(Tls::new(self)?, logins), options);
        }
        if !self.sentinels.is_empty() {
            return self.sentinel(options, logins);
        }
        let tls = Tls::new(self)?;
        let info = match &self.url {
            Some(url) => {
                let info = parse_url(url)?;
                let redis = info.redis_settings();
                let has_user = redis.password().is_some() || redis.username().is_some();
                if logins.servers.is_some() && has_user {
                    return Err(CacheError::config("REDIS_CACHE_URL", BESIDE_CREDENTIALS));
                }
                info
            }
            None => self
                .user()
                .at(ConnectionAddr::Tcp(self.host.clone(), self.port))?,
        };
        let info = tls.encrypt(info)?;
        let name = name(&info);
        let server = Server {
            name: info.addr().to_string(),
            role: Role::Standalone,
        };
        let node = Node::new(server, self.access(info, logins.servers.as_ref())?, options);
        Ok((Topology::Standalone(node), name))
    }

    fn user(&self) -> User<'_> {
        User {
            name: &self.username,
            password: &self.password,
            db: self.db,
        }
    }

    fn access(
        &self,
        info: ConnectionInfo,
        credentials: Option<&CredentialsSource>,
    ) -> Result<Access, CacheError> {
        let tcp = TcpSettings::default().set_nodelay(true);
        let idle = self.health_check_interval;
        let idle = idle.clamp(Duration::from_secs(1), LONGEST_KEEPALIVE);
        let keepalive = TcpKeepalive::new().with_time(idle);
        // Not every server knows the command for it, and a rule for a user can't name one that it does not know.
        let unnamed = info.redis_settings().clone().set_skip_set_lib_name();
        let info = info.set_redis_settings(unnamed);
        let info = info.set_tcp_settings(if self.socket_keepalive {
            tcp.set_keepalive(keepalive)
        } else {
            tcp
        });
        let connection = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.response_timeout));
        let client = Client::open(info.clone()).map_err(unusable)?;
        let db = info.redis_settings().db();
        // Before it is known who connects, the server takes no command.
        let pooled = match credentials {
            Some(_) => {
                let silent = info.redis_settings().clone().set_db(0);
                info.set_redis_settings(silent)
            }
            None => info,
        };
        let manager = Manager::new_with_config(pooled, connection).map_err(unusable)?;
        let mut pool = Pool::builder(manager);
        if let Some(credentials) = credentials {
            pool = pool.post_create(credentials.clone().hook(db));
        }
        let pool = pool
            .max_size(self.max_connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(self.response_timeout))
            .create_timeout(Some(self.connect_timeout))
            .recycle_timeout(Some(self.response_timeout))
            .build()
            .map_err(|error| CacheError::config("REDIS_CACHE_MAX_CONNECTIONS", error))?;
        Ok(Access {
            pool,
            client: Some(client),
            credentials: credentials.cloned(),
        })
    }

    /// The cluster that these nodes know, by these pools.
    pub(super) fn cluster(
        &self,
        pools: Pools,
        options: Arc<ConnectionOptions>,
    ) -> Result<(Topology, String), CacheError> {
        let nodes = addresses("REDIS_CACHE_CLUSTER_NODES", &self.cluster_nodes)?;
        let seeds = nodes.iter().map(|node| {
            let access = (pools.0)(node)?;
            let server = Server {
                name: node.to_string(),
                role: Role::ClusterNode,
            };
            Ok(Node::new(server, access, options.clone()))
        });
        let seeds = seeds.collect::<Result<_, CacheError>>()?;
        let name = format!("redis cluster {}", listed(&nodes));
        let router = Router::new(
            Discovery::Cluster(Members::default()),
            seeds,
            pools,
            options,
        );
        Ok((Topology::Discovered(router), name))
    }

    fn sentinel(
        &self,
        options: Arc<ConnectionOptions>,
        logins: &Logins,
    ) -> Result<(Topology, String), CacheError> {
        let tls = Tls::new(self)?;
        let sentinels = addresses("REDIS_CACHE_SENTINELS", &self.sentinels)?;
        let user = User {
            name: &self.sentinel_username,
            password: &self.sentinel_password,
            db: 0,
        };
        let seeds = sentinels.iter().map(|sentinel| {
            let info = tls.encrypt(user.at(sentinel.tcp())?)?;
            let access = self.access(info, logins.sentinels.as_ref())?;
            let server = Server {
                name: sentinel.to_string(),
                role: Role::Sentinel,
            };
            Ok(Node::new(server, access, options.clone()))
        });
        let seeds = seeds.collect::<Result<_, CacheError>>()?;
        let master = self.sentinel_master.clone();
        let name = format!(
            "redis master `{master}` of the sentinels {}",
            listed(&sentinels)
        );
        let router = Router::new(
            Discovery::Sentinels(master),
            seeds,
            self.pools(tls, logins),
            options,
        );
        Ok((Topology::Discovered(router), name))
    }

    /// Of servers that others name.
    fn pools(&self, tls: Tls, logins: &Logins) -> Pools {
        let (settings, credentials) = (self.clone(), logins.servers.clone());
        Pools(Arc::new(move |address| {
            let info = settings.user().at(address.tcp())?;
            settings.access(tls.encrypt(info)?, credentials.as_ref())
        }))
    }
}

fn addresses(variable: &'static str, texts: &[String]) -> Result<Vec<Address>, CacheError> {
    let addresses = texts.iter().map(|text| text.parse());
    let addresses: Result<Vec<_>, _> = addresses.collect();
    match addresses {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        _ => Err(refused(variable)),
    }
}

fn listed(addresses: &[Address]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(",")
}

impl User<'_> {
    fn at(&self, address: ConnectionAddr) -> Result<ConnectionInfo, CacheError> {
        let info = address.into_connection_info().map_err(unusable)?;
        let mut redis = info.redis_settings().clone().set_db(self.db);
        if !self.name.is_empty() {
            redis = redis.set_username(self.name);
        }
        if !self.password.is_empty() {
            redis = redis.set_password(self.password.expose());
        }
        Ok(info.set_redis_settings(redis))
    }
}

fn parse_url(url: &Secret) -> Result<ConnectionInfo, CacheError> {
    // The reason that the parser gives may quote the URL, and with it the password.
    let info = url.expose().into_connection_info();
    info.map_err(|_| refused("REDIS_CACHE_URL"))
}

fn unusable(error: RedisError) -> CacheError {
    CacheError::with_source(ErrorKind::Config, error)
}

fn name(info: &ConnectionInfo) -> String {
    let db = info.redis_settings().db();
    match info.addr() {
        ConnectionAddr::Unix(path) => format!("redis+unix://{}?db={db}", path.display()),
        ConnectionAddr::TcpTls { .. } => format!("rediss://{}/{db}", info.addr()),
        address => format!("redis://{address}/{db}"),
    }
}
