//! The engines, and components that are ready to run in them. Mostly a guest has one of the places that the pooling engine
//! reserved beforehand; what needs more than a place has, or finds none free, runs in memory of its own, and so does
//! everything where the system does not let the places be reserved. The code and the limits are the same.

use std::sync::{Arc, OnceLock};

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, PoolConcurrencyLimitError};

use super::bindings::{Migrations, MigrationsPre};
use super::step::State;
use super::{SandboxError, cache, engine, reason, unpanicked};
use crate::policy::Limits;

/// An engine and what guests may import there.
struct Machine {
    engine: Engine,
    linker: Linker<State>,
}

impl Machine {
    fn new(engine: Engine) -> Result<Self, SandboxError> {
        let mut linker = Linker::new(&engine);
        Migrations::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)
            .map_err(|error| SandboxError::Engine(error.to_string()))?;
        Ok(Self { engine, linker })
    }

    fn ready(&self, component: &Component) -> Result<MigrationsPre<State>, SandboxError> {
        unpanicked(|| self.linker.instantiate_pre(component).and_then(MigrationsPre::new))?
            .map_err(|error| SandboxError::Invalid(reason(&error)))
    }
}

/// The engines of one set of limits.
pub(super) struct Machines {
    limits: Limits,
    /// None where its places cannot be reserved.
    pooling: Option<Machine>,
    /// Set up when it is first needed.
    plain: OnceLock<Result<Machine, SandboxError>>,
}

impl Machines {
    pub(super) fn new(limits: &Limits) -> Result<Self, SandboxError> {
        let pooling = engine::pooling_engine(limits).and_then(Machine::new).ok();
        let machines = Self { limits: limits.clone(), pooling, plain: OnceLock::new() };
        machines.first().map(|_| ())?;
        Ok(machines)
    }

    fn first(&self) -> Result<&Machine, SandboxError> {
        self.pooling.as_ref().map_or_else(|| self.plain(), Ok)
    }

    fn plain(&self) -> Result<&Machine, SandboxError> {
        let made = self.plain.get_or_init(|| engine::engine(&self.limits).and_then(Machine::new));
        made.as_ref().map_err(Clone::clone)
    }

    /// One of the engines, for what is the same in all.
    pub(super) fn engine(&self) -> Result<&Engine, SandboxError> {
        Ok(&self.first()?.engine)
    }

    /// Makes compiled code ready to run: where it fits into a place for there, else for memory of its own. The code must
    /// be what [`cache::deserialize`] takes.
    pub(super) fn ready(self: &Arc<Self>, code: &[u8]) -> Result<Ready, SandboxError> {
        let made = |machine: &Machine| {
            let component = cache::deserialize(&machine.engine, code);
            machine.ready(&component.map_err(|error| SandboxError::Compile(reason(&error)))?)
        };
        let (machines, plain) = (self.clone(), OnceLock::new());
        if let Some(Ok(first)) = self.pooling.as_ref().map(made) {
            return Ok(Ready { shared: Arc::new(Both { machines, first, plain }) });
        }
        let first = made(self.plain()?)?;
        Ok(Ready { shared: Arc::new(Both { machines, first, plain }) })
    }
}

/// A component that is ready to run. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ready {
    shared: Arc<Both>,
}

struct Both {
    machines: Arc<Machines>,
    first: MigrationsPre<State>,
    /// The same where every guest has memory of its own, made when there is no place left.
    plain: OnceLock<Result<MigrationsPre<State>, SandboxError>>,
}

impl Ready {
    /// For the place that it is meant for.
    pub(super) fn first(&self) -> &MigrationsPre<State> {
        &self.shared.first
    }

    /// For memory of its own, if this is the error of having found no place free.
    pub(super) fn instead(&self, error: &wasmtime::Error) -> Option<Result<&MigrationsPre<State>, SandboxError>> {
        error.downcast_ref::<PoolConcurrencyLimitError>()?;
        let Both { machines, first, plain } = &*self.shared;
        let make = || {
            let machine = machines.plain()?;
            let code = first.instance_pre().component().serialize();
            let component = code.and_then(|code| cache::deserialize(&machine.engine, &code));
            machine.ready(&component.map_err(|error| SandboxError::Compile(reason(&error)))?)
        };
        Some(plain.get_or_init(make).as_ref().map_err(Clone::clone))
    }
}
