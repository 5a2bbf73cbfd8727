//! What makes functions costly to compile: how many, how long, how many variables over how many blocks.

use wasmparser::{FunctionBody, Operator};

use super::{invalid, within};
use crate::policy::Limits;
use crate::sandbox::SandboxError;

/// How many functions may have as many branches, or as many variables over as many blocks, as one may.
const LARGE_FUNCTIONS: u64 = 30;

/// The bodies that were read so far.
#[derive(Default)]
pub(super) struct Bodies {
    functions: u64,
    locals: u64,
    branches: u64,
    variables_by_blocks: u64,
}

impl Bodies {
    /// Counts one more, of a function with so many parameters.
    pub(super) fn count(
        &mut self,
        body: &FunctionBody<'_>,
        parameters: u64,
        limits: &Limits,
    ) -> Result<(), SandboxError> {
        self.functions += 1;
        within("functions", self.functions, limits.functions)?;
        within("bytes in one function", body.range().len() as u64, limits.function_bytes)?;
        let mut locals = 0_u64;
        for local in body.get_locals_reader().map_err(invalid)? {
            locals = locals.saturating_add(u64::from(local.map_err(invalid)?.0));
        }
        within("locals of one function", locals, limits.function_locals)?;
        self.locals = self.locals.saturating_add(locals);
        // A guest that a compiler made has a handful of locals in most functions.
        within("locals in all", self.locals, limits.function_locals.saturating_mul(100))?;

        let Flow { branches, blocks } = flow(body, limits)?;
        self.branches = self.branches.saturating_add(branches);
        within("branches in all", self.branches, limits.function_branches.saturating_mul(LARGE_FUNCTIONS))?;
        // The compiler follows every variable through every block.
        let product = blocks.saturating_mul(locals.saturating_add(parameters));
        within("variables times blocks in one function", product, limits.variables_by_blocks)?;
        self.variables_by_blocks = self.variables_by_blocks.saturating_add(product);
        let limit = limits.variables_by_blocks.saturating_mul(LARGE_FUNCTIONS);
        within("variables times blocks in all", self.variables_by_blocks, limit)
    }
}

struct Flow {
    branches: u64,
    blocks: u64,
}

fn flow(body: &FunctionBody<'_>, limits: &Limits) -> Result<Flow, SandboxError> {
    let (mut depth, mut branches, mut blocks) = (0_u64, 0_u64, 0_u64);
    for operator in body.get_operators_reader().map_err(invalid)? {
        let operator = operator.map_err(invalid)?;
        match &operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                blocks += 1;
                branches += 1;
                depth += 1;
                within("levels of nested blocks", depth, limits.block_depth)?;
            }
            Operator::Else | Operator::Br { .. } | Operator::BrIf { .. } => branches += 1,
            Operator::BrTable { targets } => branches = branches.saturating_add(u64::from(targets.len())),
            Operator::End => depth = depth.saturating_sub(1),
            _ => continue,
        }
        within("branches in one function", branches, limits.function_branches)?;
    }
    Ok(Flow { branches, blocks })
}
