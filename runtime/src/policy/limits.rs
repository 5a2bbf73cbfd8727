//! Every limit of the runner, in one struct, finite by default.

use std::fmt::Display;
use std::time::Duration;

use crate::dialect::SessionSettings;
use crate::operation::ParseLimits;

/// The limits of DESIGN §6, default profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one component.
    pub component_bytes: usize,
    /// Components of one package.
    pub components: usize,
    /// Bytes of guest memories and tables, all instances of a step together.
    pub memory_bytes: usize,
    /// Core and component instances of one component.
    pub instances: u32,
    /// Core modules of one component.
    pub modules: u32,
    /// Levels of components nested in a component.
    pub component_depth: u64,
    /// Functions of one component.
    pub functions: u64,
    /// Bytes of one function's body.
    pub function_bytes: u64,
    /// Parameters, and results, of one function.
    pub function_parameters: u64,
    /// Locals of one function; a hundred times as many in all.
    pub function_locals: u64,
    /// Blocks nested in one function.
    pub block_depth: u64,
    /// Branches and blocks of one function, every target of a table counted; thirty times as many in all. Compiling
    /// takes time by their square.
    pub function_branches: u64,
    /// Parameters and locals of one function times its blocks; thirty times as many in all.
    pub variables_by_blocks: u64,
    /// Imports of one component, those of its modules included.
    pub imports: u64,
    /// Types, exports, elements, aliases and the like of one component.
    pub items: u64,
    /// Processor time of compiling one component, in whole seconds; ten times as much by the clock.
    pub compile_time: Duration,
    /// Bytes of address space of the process that compiles one component.
    pub compile_memory: usize,
    /// Fuel of one step.
    pub fuel: u64,
    /// Guest wall time of one step.
    pub wall_time: Duration,
    /// Bytes of the guest's stack.
    pub stack_bytes: usize,
    /// Bytes that one host call may carry either way.
    pub call_bytes: usize,
    /// Bytes that all host calls of a step may carry.
    pub step_bytes: usize,
    /// Host calls of one step, whatever they do.
    pub host_calls: u64,
    /// Operations of one step.
    pub operations: usize,
    /// Rows that one step may insert.
    pub rows: usize,
    /// Bytes of rendered SQL of one step.
    pub sql_bytes: usize,
    /// Queries of one step, and questions for touched rows.
    pub queries: usize,
    /// Rows that all answers to one step may have.
    pub answer_rows: usize,
    /// Bytes that all answers to one step may have.
    pub answer_bytes: usize,
    /// Bytes of log messages of one step.
    pub log_bytes: usize,
    /// Open handles of one step.
    pub handles: usize,
    /// Revisions of one package.
    pub revisions: usize,
    /// Populate steps of one package.
    pub populate_steps: usize,
    /// Depth of an expression or statement.
    pub expression_depth: usize,
    /// Nodes of an expression.
    pub expression_nodes: usize,
    /// Nodes of a statement.
    pub statement_nodes: usize,
    /// How many times as long as the longest text that it is made of a text of a statement or query may become.
    pub text_growth: u64,
    /// Bytes of a comment.
    pub comment_bytes: usize,
    /// Timeouts of every session of a database.
    pub session: SessionSettings,
    /// Columns of a table.
    pub table_columns: usize,
    /// Indexes and constraints of a table, together.
    pub table_constraints: usize,
}

/// A set of limits that goes by a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// For packages that a compiler made: those of [`Limits::default`].
    #[default]
    Default,
    /// For packages that bring the runtime of their language, as those in Python and JavaScript do.
    LanguageRuntime,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Default, Self::LanguageRuntime];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::LanguageRuntime => "language-runtime",
        }
    }

    /// Its limits.
    pub fn limits(self) -> Limits {
        match self {
            Self::Default => Limits::default(),
            Self::LanguageRuntime => Limits {
                component_bytes: 64 << 20,
                memory_bytes: 256 << 20,
                instances: 160,
                modules: 64,
                function_branches: 30_000,
                imports: 10_000,
                items: 100_000,
                compile_time: Duration::from_secs(120),
                compile_memory: 2 << 30,
                fuel: 20_000_000_000,
                wall_time: Duration::from_secs(60),
                step_bytes: 64 << 20,
                host_calls: 500_000,
                operations: 10_000,
                sql_bytes: 32 << 20,
                queries: 5_000,
                answer_rows: 1_000_000,
                answer_bytes: 32 << 20,
                log_bytes: 64 << 10,
                // A guest that reads rows keeps its transaction waiting while it computes.
                session: SessionSettings { idle_timeout: Duration::from_secs(150), ..SessionSettings::default() },
                ..Limits::default()
            },
        }
    }
}

/// Which profile has room for more than a limit, for the end of a message that says it was reached; nothing if none has.
pub fn room<N: PartialOrd + Display>(limit: N, of: impl Fn(&Limits) -> N) -> String {
    let profile = Profile::LanguageRuntime;
    match of(&profile.limits()) {
        more if more > limit => format!("; the limits-profile {} allows {more}", profile.as_str()),
        _ => String::new(),
    }
}

impl std::str::FromStr for Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name)
            .ok_or_else(|| format!("it is one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            component_bytes: 4 << 20,
            components: 64,
            memory_bytes: 64 << 20,
            instances: 32,
            modules: 16,
            component_depth: 4,
            functions: 20_000,
            function_bytes: 512 << 10,
            function_parameters: 100,
            function_locals: 5_000,
            block_depth: 2_000,
            function_branches: 10_000,
            variables_by_blocks: 200_000,
            imports: 1_000,
            items: 10_000,
            compile_time: Duration::from_secs(20),
            compile_memory: 1 << 30,
            fuel: 1_000_000_000,
            wall_time: Duration::from_secs(5),
            stack_bytes: 512 << 10,
            call_bytes: ParseLimits::DEFAULT.bytes,
            step_bytes: 8 << 20,
            host_calls: 100_000,
            operations: 2_000,
            rows: 100_000,
            sql_bytes: 8 << 20,
            queries: 1_000,
            answer_rows: 100_000,
            answer_bytes: 4 << 20,
            log_bytes: 16 << 10,
            handles: 64,
            revisions: 10_000,
            populate_steps: 256,
            expression_depth: ParseLimits::DEFAULT.depth,
            expression_nodes: ParseLimits::DEFAULT.expression_nodes,
            statement_nodes: ParseLimits::DEFAULT.statement_nodes,
            text_growth: ParseLimits::DEFAULT.text_growth,
            comment_bytes: 1_024,
            session: SessionSettings::default(),
            table_columns: 256,
            table_constraints: 64,
        }
    }
}
