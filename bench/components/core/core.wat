;; Does nothing of its own, so that what is measured is the way into it and out of it.
(module
  (import "petiole:bench/host" "ask" (func $ask (param i32 i32 i32)))
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 4096))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func (export "petiole:bench/guest#run") (param $asks i32) (param $at i32) (param $length i32) (result i32)
    (block $done
      (loop $more
        (br_if $done (i32.eqz (local.get $asks)))
        (call $ask (local.get $at) (local.get $length) (i32.const 16))
        (local.set $at (i32.load (i32.const 16)))
        (local.set $length (i32.load (i32.const 20)))
        (local.set $asks (i32.sub (local.get $asks) (i32.const 1)))
        (br $more)))
    (i32.store (i32.const 32) (local.get $at))
    (i32.store (i32.const 36) (local.get $length))
    (i32.const 32))

  ;; What was allocated during the call is free again.
  (func (export "cabi_post_petiole:bench/guest#run") (param i32)
    (global.set $next (i32.const 4096))))
