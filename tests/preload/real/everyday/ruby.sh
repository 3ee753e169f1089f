#!/bin/bash
#: needs ruby
#: package ruby
#: version ruby --version
ruby <<'END'
require 'json'; require 'zlib'; require 'set'; require 'digest'; require 'open3'; require 'socket'
puts (1..8).map { |n| Thread.new { (1..3000).map { |i| "x#{i}" * (n % 3 + 1) }.sum(&:size) } }.map(&:value).inspect
h = Hash.new { |m, k| m[k] = [] }; 30000.times { |i| h[i % 97] << "row #{i}" }; GC.start; puts h.values.sum(&:size), h[5].last
puts Zlib::Inflate.inflate(Zlib::Deflate.deflate("abc" * 100000)).size, Digest::SHA256.hexdigest("text")
puts JSON.parse(JSON.generate((1..500).to_h { |i| [i, [i] * 5] })).size, ("a".."zz").to_a.grep(/q/).size
pid = fork { puts "child"; exit! 3 }; Process.wait pid; puts $?.exitstatus; puts Open3.capture2("tr a-z A-Z", stdin_data: "text")[0]
f = Fiber.new { 3.times { |i| Fiber.yield i }; :done }; puts 4.times.map { f.resume }.inspect; GC.compact rescue nil
r = Ractor.new { 42 } rescue nil; puts(r ? r.take : 42); begin; raise "x"; rescue => e; puts e.message; end; at_exit { puts "hook" }; exit 4
END
