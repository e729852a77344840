//! How much memory the process may take: what the limit of its container leaves it, or what the
//! machine has.
//!
//! To the kernel a container, a pod and a unit with `MemoryMax=` are control groups, one within
//! another, and a process is killed at the lowest limit of those that it is in. `sysinfo` reads them in
//! version 1 and 2, from the group of the process up to the one that is mounted.

use std::fmt;

use sysinfo::{
    CGroupLimits, MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid,
};

/// The most memory that the process may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimit {
    pub bytes: u64,
    pub set_by: LimitSetter,
    /// What programs can still take of the machine's memory, without swapping, in bytes.
    pub available: u64,
}

/// What sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitSetter {
    /// A control group of the process, such as that of its container.
    Container,
    /// The machine has no more.
    Machine,
}

impl MemoryLimit {
    /// As it is now; `None` where the system does not tell.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        let mut system = System::new().ok()?;
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let pid = get_current_pid().ok()?;
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[pid]),
            true,
            ProcessRefreshKind::nothing(),
        );
        let of_groups = system.process(pid).and_then(sysinfo::Process::cgroup_limits);
        Self::lowest(of_groups.as_ref(), system.total_memory(), system.available_memory())
    }

    fn lowest(of_groups: Option<&CGroupLimits>, total: u64, available: u64) -> Option<Self> {
        let of_groups = of_groups.map(|limits| limits.total_memory);
        match of_groups.filter(|bytes| *bytes < total || total == 0) {
            Some(bytes) => Some(Self { bytes, set_by: LimitSetter::Container, available }),
            None if total == 0 => None,
            None => Some(Self { bytes: total, set_by: LimitSetter::Machine, available }),
        }
    }
}

impl fmt::Display for LimitSetter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Container => "memory limit of the container",
            Self::Machine => "memory of the machine",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_one_of_the_container_and_the_machine_holds() {
        const TOTAL: u64 = 8 << 30;
        let cases = [
            (None, TOTAL, Some((TOTAL, LimitSetter::Machine))),
            (Some(64 << 20), TOTAL, Some((64 << 20, LimitSetter::Container))),
            // A group that may take all that there is.
            (Some(TOTAL), TOTAL, Some((TOTAL, LimitSetter::Machine))),
            (Some(64 << 20), 0, Some((64 << 20, LimitSetter::Container))),
            (None, 0, None),
        ];
        for (total_memory, total, expected) in cases {
            let groups =
                total_memory.map(|total_memory| CGroupLimits { total_memory, ..<_>::default() });
            let limit = MemoryLimit::lowest(groups.as_ref(), total, total / 2);
            let limit = limit.map(|limit| (limit.bytes, limit.set_by));
            assert_eq!(limit, expected, "{total_memory:?} of {total}");
        }
    }

    #[test]
    fn this_process_has_one_and_no_more_than_the_machine() {
        let limit = MemoryLimit::of_this_process().expect("this system tells");
        let mut system = System::new().unwrap();
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        assert!((1 << 20..=system.total_memory()).contains(&limit.bytes), "{limit:?}");
    }
}
