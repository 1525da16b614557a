/**
 * Refusing work is better than dying of it: whoever is refused comes again, and what a process that ran out of memory
 * had acknowledged would have to be read back from the disk.
 */
import { getHeapStatistics, type HeapInfo } from "node:v8";

/** True while more than nine tenths of the heap that Node may have are in use. Looks at most every 50 ms. */
export function createMemoryGuard(
  monotonicMillis: () => number,
  heap: () => Pick<HeapInfo, "used_heap_size" | "heap_size_limit"> = getHeapStatistics,
): () => boolean {
  let lookedMillis = Number.NEGATIVE_INFINITY;
  let isTight = false;
  return () => {
    const now = monotonicMillis();
    if (now - lookedMillis >= LOOK_INTERVAL_MILLIS) {
      const { used_heap_size, heap_size_limit } = heap();
      isTight = used_heap_size > TIGHT_SHARE * heap_size_limit;
      lookedMillis = now;
    }
    return isTight;
  };
}

const LOOK_INTERVAL_MILLIS = 50;
const TIGHT_SHARE = 0.9;
