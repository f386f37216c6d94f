//! Gives back what loading the model has left over.
//!
//! Neighbours: `run` calls it once, before the first frame. A file, its parsed form and weights in
//! the order of the file are gone by then, but the allocator keeps their pages for later; later
//! never comes, because a frame takes no memory.
#![allow(
    unsafe_code,
    reason = "one call of the C library; see the inventory in shm-layout/README.md"
)]

/// Returns free pages to the system; some milliseconds, and nothing where the C library cannot.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: the call takes no pointer, and glibc locks its arenas itself.
        let _ = unsafe { nix::libc::malloc_trim(0) };
    }
}
