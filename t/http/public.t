#!/usr/bin/perl

# "rtprop_api_public on": open resources, origins, CORS.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

our $http = "rtprop_zone rtprop 4m;\n";

our $public = <<'END';
    location /api/ {
        rtprop api;
    }

    location /public/ {
        rtprop api;
        rtprop_api_public on;
        rtprop_origin https://good.example *.fine.example;
    }

    location /same/ {
        rtprop api;
        rtprop_api_public on;
    }
END

no_shuffle();
run_tests();

__DATA__

=== TEST 1: what is not open is not there
--- http_config eval: $::http
--- config eval: $::public
--- request eval
["GET /public/channels", "POST /public/publish\n{}",
 "DELETE /public/users/u1/connections", "GET /public/users/u1/connections",
 "GET /public/nothing", "PUT /public/conversations/c1\n{}"]
--- more_headers
Content-Type: application/json
--- error_code eval
[(404) x 6]
--- response_headers eval
[("Vary: Origin\n!Access-Control-Allow-Origin") x 6]



=== TEST 2: open resources, no key, no origin
--- http_config eval: $::http
--- config eval: $::public
--- request
GET /public/properties/p1/viewers
--- response_headers
Vary: Origin
Cache-Control: no-store
!Access-Control-Allow-Origin
--- response_body_like: "count":0



=== TEST 3: origins
--- http_config eval: $::http
--- config eval: $::public
--- request eval
["GET /public/properties/p1/viewers", "GET /public/properties/p1/viewers",
 "GET /public/properties/p1/viewers", "GET /same/properties/p1/viewers",
 "GET /same/properties/p1/viewers"]
--- more_headers eval
["Origin: https://good.example", "Origin: https://a.fine.example",
 "Origin: https://bad.example", "Origin: https://bad.example",
 "Origin: null"]
--- error_code eval
[200, 200, 403, 403, 403]
--- response_headers eval
["Access-Control-Allow-Origin: https://good.example
Vary: Origin
Access-Control-Expose-Headers: ETag",
 "Access-Control-Allow-Origin: https://a.fine.example",
 ("Vary: Origin\n!Access-Control-Allow-Origin") x 3]
--- response_body_like eval
['count', 'count', ('"code":"not_authorized"') x 3]



=== TEST 4: the origin itself
--- http_config eval: $::http
--- config eval: $::public
--- request
GET /same/properties/p1/viewers
--- more_headers
Host: shop.example
Origin: http://shop.example
--- response_headers
Access-Control-Allow-Origin: http://shop.example



=== TEST 5: an error is readable for the page
--- http_config eval: $::http
--- config eval: $::public
--- request
GET /public/properties/none
--- more_headers
Origin: https://good.example
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: https://good.example



=== TEST 6: the browser asks first
--- http_config eval: $::http
--- config eval: $::public
--- request eval
["OPTIONS /public/properties/p1/viewers",
 "OPTIONS /public/properties/p1/viewers", "OPTIONS /public/channels"]
--- more_headers eval
["Origin: https://good.example\nAccess-Control-Request-Method: GET",
 "Origin: https://bad.example", "Origin: https://good.example"]
--- error_code eval
[204, 403, 404]
--- response_headers eval
["Access-Control-Allow-Origin: https://good.example
Access-Control-Allow-Methods: GET, HEAD, OPTIONS
Access-Control-Max-Age: 600
Allow: GET, HEAD, OPTIONS
Vary: Origin",
 "!Access-Control-Allow-Origin",
 "Access-Control-Allow-Origin: https://good.example"]



=== TEST 7: an open resource by another method
--- http_config eval: $::http
--- config eval: $::public
--- request
PUT /public/properties/p1
{"title":"x"}
--- more_headers
Content-Type: application/json
--- error_code: 405
--- response_headers
Allow: GET, HEAD, OPTIONS



=== TEST 8: no CORS without rtprop_api_public
--- http_config eval: $::http
--- config eval: $::public
--- request
GET /api/properties/p1/viewers
--- more_headers
Origin: https://good.example
--- response_headers
!Access-Control-Allow-Origin
!Vary
