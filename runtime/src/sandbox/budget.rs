//! What a step has used, and where that ends: host calls, the bytes they carry, log messages, memory.

use wasmtime::ResourceLimiter;

use super::error::StepError;
use crate::policy::{Limits, room};

/// The counters of one step.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    calls: u64,
    bytes: usize,
    log_bytes: usize,
    memory: usize,
    answer_rows: usize,
    answer_bytes: usize,
}

/// The price of a table element: a pointer.
pub(super) const ELEMENT_BYTES: usize = 8;

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, calls: 0, bytes: 0, log_bytes: 0, memory: 0, answer_rows: 0, answer_bytes: 0 }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Charges one host call, before it does anything.
    pub(super) fn call(&mut self, bytes: usize) -> Result<(), StepError> {
        self.calls += 1;
        if self.calls > self.limits.host_calls {
            let limit = self.limits.host_calls;
            let room = room(limit, |limits| limits.host_calls);
            return Err(StepError::LimitExceeded(format!("the step made more than {limit} host calls{room}")));
        }
        self.carry(bytes)
    }

    /// Charges what a call carries, either way.
    pub(super) fn carry(&mut self, bytes: usize) -> Result<(), StepError> {
        if bytes > self.limits.call_bytes {
            return Err(call_bytes(&self.limits));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.step_bytes {
            let limit = self.limits.step_bytes;
            let room = room(limit, |limits| limits.step_bytes);
            return Err(StepError::LimitExceeded(format!(
                "the step's host calls carried more than {limit} bytes{room}"
            )));
        }
        Ok(())
    }

    /// How many rows, and how many bytes, further answers may have.
    pub(super) fn answer_left(&self) -> (usize, usize) {
        let rows = self.limits.answer_rows.saturating_sub(self.answer_rows);
        (rows, self.limits.answer_bytes.saturating_sub(self.answer_bytes))
    }

    /// Charges an answer.
    pub(super) fn answer(&mut self, rows: usize, bytes: usize) -> Result<(), StepError> {
        self.answer_rows = self.answer_rows.saturating_add(rows);
        self.answer_bytes = self.answer_bytes.saturating_add(bytes);
        if self.answer_rows > self.limits.answer_rows || self.answer_bytes > self.limits.answer_bytes {
            return Err(self.answers_spent());
        }
        Ok(())
    }

    /// The answers to the step have too much.
    pub(super) fn answers_spent(&self) -> StepError {
        let (rows, bytes) = (self.limits.answer_rows, self.limits.answer_bytes);
        let room = room(bytes, |limits| limits.answer_bytes);
        StepError::LimitExceeded(format!("the answers to the step have more than {rows} rows or {bytes} bytes{room}"))
    }

    /// Too many handles are open.
    pub(super) fn too_many_handles(&self) -> StepError {
        let limit = self.limits.handles;
        StepError::LimitExceeded(format!("more than {limit} handles are open at once"))
    }

    /// Charges a log message and its line feed.
    pub(super) fn log(&mut self, bytes: usize) -> Result<(), StepError> {
        self.log_bytes = self.log_bytes.saturating_add(bytes).saturating_add(1);
        if self.log_bytes > self.limits.log_bytes {
            let limit = self.limits.log_bytes;
            let room = room(limit, |limits| limits.log_bytes);
            return Err(StepError::LimitExceeded(format!("the step logged more than {limit} bytes{room}")));
        }
        Ok(())
    }

    /// Charges growth of memories and tables, all together. Too much ends the step instead of failing the
    /// growth: what a guest does when memory is short should not decide what is planned.
    fn grow(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.memory = self.memory.saturating_add(bytes);
        if self.memory > self.limits.memory_bytes {
            let limit = self.limits.memory_bytes;
            let room = room(limit, |limits| limits.memory_bytes);
            let error = StepError::LimitExceeded(format!("the step took more than {limit} bytes of memory{room}"));
            return Err(error.into());
        }
        Ok(())
    }
}

/// One call carries too much.
pub(super) fn call_bytes(limits: &Limits) -> StepError {
    StepError::LimitExceeded(format!("a host call carried more than {} bytes", limits.call_bytes))
}

impl ResourceLimiter for Budget {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current))?;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(StepError::Trap("the host has no memory left".into()).into())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current).saturating_mul(ELEMENT_BYTES))?;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(StepError::Trap("the host has no memory left".into()).into())
    }

    fn instances(&self) -> usize {
        count(self.limits.instances)
    }

    fn memories(&self) -> usize {
        count(self.limits.instances)
    }

    fn tables(&self) -> usize {
        count(self.limits.instances)
    }
}

fn count(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn budget() -> Budget {
        Budget::new(Limits {
            host_calls: 2,
            call_bytes: 10,
            step_bytes: 15,
            log_bytes: 8,
            memory_bytes: 128 << 10,
            ..Limits::default()
        })
    }

    #[test]
    fn a_call_too_many_ends_the_step_even_if_it_carries_nothing() {
        let mut budget = budget();
        budget.call(0).unwrap();
        budget.call(0).unwrap();
        assert!(matches!(budget.call(0), Err(StepError::LimitExceeded(message)) if message.contains("2 host calls")));
    }

    #[test]
    fn bytes_are_bounded_by_call_and_by_step() {
        let mut budget = budget();
        assert!(matches!(budget.carry(11), Err(StepError::LimitExceeded(message)) if message.contains("10 bytes")));
        budget.carry(10).unwrap();
        budget.carry(5).unwrap();
        assert!(matches!(budget.carry(1), Err(StepError::LimitExceeded(message)) if message.contains("15 bytes")));
    }

    #[test]
    fn empty_log_messages_are_not_free() {
        let mut budget = budget();
        for _ in 0..8 {
            budget.log(0).unwrap();
        }
        assert!(budget.log(0).is_err());
    }

    #[test]
    fn memories_and_tables_share_one_budget() {
        let mut budget = budget();
        assert!(budget.memory_growing(0, 64 << 10, None).unwrap());
        assert!(budget.table_growing(0, 8 << 10, None).unwrap());
        assert!(budget.memory_growing(64 << 10, 65 << 10, None).is_err());
    }

    #[test]
    fn growth_beyond_a_declared_maximum_fails_as_the_specification_says() {
        assert!(!budget().memory_growing(0, 2 << 16, Some(1 << 16)).unwrap());
        assert!(!budget().table_growing(0, 20, Some(10)).unwrap());
    }
}
