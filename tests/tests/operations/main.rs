//! What there is to be seen of a cache at work: counters by function, reasons, spans and events, metrics.

mod events;
mod explain;
mod functions;
mod metrics;
mod reasons;
mod world;
