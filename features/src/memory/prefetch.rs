//! Asks the processor for memory that will be read in a moment, so that the waits for several keys and rows pass at once.

/// Where word `index` of a slice lies, when it has one. It changes nothing but how long the next read takes.
#[inline(always)]
pub(super) fn prefetch<T>(slice: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(wanted) = slice.get(index) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[allow(unsafe_code, reason = "a prefetch reads and writes nothing, and the address is that of a reference")]
        // SAFETY: every x86-64 processor has the instruction.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(wanted).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, index);
}
