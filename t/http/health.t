#!/usr/bin/perl

# The locations "rtprop health" and "rtprop metrics".

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

our $http = "rtprop_zone rtprop 4m;\n";

our $config = <<'END';
    location = /health {
        rtprop health;
    }

    location = /metrics {
        rtprop metrics;
    }

    location /api/ {
        rtprop api;
    }
END

no_shuffle();
run_tests();

__DATA__

=== TEST 1: health
--- http_config eval: $::http
--- config eval: $::config
--- request
GET /health
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body_like eval
qr/^\{"status":"ok","engine":\{"name":"\w+","status":"ok"\},"store":null,
   "connections":0,"worker":\{"pid":\d+,"slot":\d+\},"workers":4,
   "uptime":\d+,"version":"\d+\.\d+\.\d+"\}$/x



=== TEST 2: health by other methods
--- http_config eval: $::http
--- config eval: $::config
--- request eval
["HEAD /health", "POST /health\n{}", "OPTIONS /health"]
--- error_code eval
[200, 405, 204]
--- response_headers eval
["Content-Type: application/json", "Allow: GET, HEAD, OPTIONS",
 "Allow: GET, HEAD, OPTIONS"]



=== TEST 3: metrics as text
--- http_config eval: $::http
--- config eval: $::config
--- request
GET /metrics
--- response_headers
Content-Type: text/plain; version=0.0.4
Cache-Control: no-store
--- response_body_like eval
qr/^\# HELP rtprop_workers \S.*
\# TYPE rtprop_workers gauge
rtprop_workers 4$/m



=== TEST 4: each line of the text is one that Prometheus reads
--- http_config eval: $::http
--- config eval: $::config
--- request
GET /metrics
--- response_body_like eval
qr/\A(?:\#\ (?:HELP\ rtprop_[a-z_]+\ \S.*
     |TYPE\ rtprop_[a-z_]+\ (?:counter|gauge|histogram))\n
     |rtprop_[a-z_]+(?:\{[a-z_]+="[^"\n]*"(?:,[a-z_]+="[^"\n]*")*\})?
      \ -?[0-9.e+]+\n)+\z/x



=== TEST 5: counters over all workers
--- http_config
    rtprop_zone rtprop 5m;
--- config eval: $::config
--- request eval
[("GET /api/channels") x 12, "GET /api/nothing", "GET /metrics"]
--- error_code eval
[(200) x 12, 404, 200]
--- response_body_like eval
[('channels') x 12, 'not_found',
 qr/^rtprop_http_requests_total 13\n(?s:.*)^rtprop_http_refusals_total 1\n/m]



=== TEST 6: metrics as JSON
--- http_config eval: $::http
--- config eval: $::config
--- request eval
["GET /metrics?format=json", "HEAD /metrics?format=json"]
--- response_headers eval
[("Content-Type: application/json") x 2]
--- response_body_like eval
[qr/^\{"connectionsTotal":\d+,"connectionsActive":\d+,"messagesReceived":\d+,
    "messagesSent":\d+,"errors":\d+,"uptime":\d+,"workers":4,
    "memory":\{"zone_used":[1-9]\d*,"zone_total":[1-9]\d*\}\}$/x, '^$']



=== TEST 7: metrics by other methods
--- http_config eval: $::http
--- config eval: $::config
--- request eval
["POST /metrics\n{}", "DELETE /metrics"]
--- error_code eval
[405, 405]
