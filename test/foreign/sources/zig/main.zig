//! Zig's standard library: allocation, formatting, hashing.

const std = @import("std");

pub fn main() !void {
    var buffer: [4096]u8 = undefined;
    var fixed = std.heap.FixedBufferAllocator.init(&buffer);
    const text = try std.fmt.allocPrint(fixed.allocator(), "{s} {d} {x}\n", .{ "zig", 6 * 7, 0xbeef });
    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash("petiole", &digest, .{});
    try write(text);
    try write(try std.fmt.allocPrint(fixed.allocator(), "sha256 {x}\n", .{&digest}));
}

fn write(text: []const u8) !void {
    const parts = [_]std.os.wasi.ciovec_t{.{ .base = text.ptr, .len = text.len }};
    var written: usize = undefined;
    if (std.os.wasi.fd_write(1, &parts, 1, &written) != .SUCCESS) return error.WriteFailed;
}
