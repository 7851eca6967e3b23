//! A transaction is committed outside of the function that takes it as a parameter: what a read stores may never have
//! been committed, and what a write removes comes back before the commit.

use super::Planner;
use crate::args::Skipped;
use crate::handler::Role;

impl Planner<'_> {
    pub(super) fn check_transaction_of_read(&mut self) {
        self.check_transactions(|name| {
            format!(
                "`{name}` may see what is not committed, and all callers would get it: take a pool, or call this within `cache.deferred`, where nothing is stored, and add `skip({name})`"
            )
        });
    }

    pub(super) fn check_transaction_of_write(&mut self) {
        self.check_transactions(|name| {
            format!(
                "`{name}` is committed after this function, which would invalidate before that: call it within `cache.deferred`, which invalidates behind the commit, and add `skip({name})`"
            )
        });
    }

    fn check_transactions(&mut self, message: impl Fn(&str) -> String) {
        let handler = self.handler;
        let transactions = handler
            .params
            .iter()
            .filter(|param| param.role == Role::Transaction);
        for binding in transactions.flat_map(|param| &param.bindings) {
            if !self.skips(&binding.name) {
                self.error(binding.ident.span(), message(&binding.name));
            }
        }
    }

    /// Whether `skip` names transactions alone, as that of a write may.
    pub(super) fn are_transactions(&self, skipped: &[Skipped]) -> bool {
        let params = self.handler.params.iter();
        let transactions = params.filter(|param| param.role == Role::Transaction);
        let names: Vec<_> = transactions
            .flat_map(|param| &param.bindings)
            .map(|binding| &binding.name)
            .collect();
        skipped.iter().all(|skipped| names.contains(&&skipped.name))
    }
}
