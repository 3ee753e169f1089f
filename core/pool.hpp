// Pools: memory for many things of one size, in which a place that was released is the next to be used.
//
//   BlockPool<Backing>          an Allocator of one block size, growing by slabs from a backing allocator
//   FixedPool                   the same in storage that the caller gives
//   Pool<T, Backing>            objects; generations, handles, checked release, scoped use, kept objects
//   IntrusivePool<T, &T::link>  kept objects whose own member links them while they are free
//   LazyPool<T, Init>           kept objects that a function makes when they are first acquired (lazy_pool.hpp)
//   FixedObjectPool<T, N>       objects in a place of N that is there from the beginning (fixed_object_pool.hpp)
//   TieredPool<Backing>         an Allocator of all sizes: a BlockPool for each size class (tiered_pool.hpp)
//   ThreadSafePool<Backing>     a BlockPool for several threads (thread_safe_pool.hpp)
//   SharedPool<T, Backing>      objects for several threads, on that (shared_pool.hpp)
//
// All but the last two are for one thread: a pool for each thread, declared thread_local, shares nothing and is the
// fastest of all, as long as what it gave is released where it was acquired.
#pragma once

#include "intrusive_pool.hpp"
#include "pool/block_pool.hpp"
#include "pool/fixed_pool.hpp"
#include "pool/object_pool.hpp"
