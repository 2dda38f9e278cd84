#!/usr/bin/perl

# The location "rtprop api": who may ask, paths, methods, bodies, errors.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

our $http = "rtprop_zone rtprop 4m;\n";

our $open = <<'END';
    location /api/ {
        rtprop api;
    }
END

our $keyed = <<'END';
    location /api/ {
        rtprop api;
        rtprop_api_key $TEST_NGINX_HTML_DIR/api.key;
    }
END

our $file = ">>> api.key\nthe-key-of-these-tests\n";


sub publish { "POST /$_[0]/publish\n" . $_[1] }


# The same with its body in chunks of these sizes.

sub chunked {
    my ($prefix, $body, $size) = @_;

    my $chunks = join '', map { sprintf "%x\r\n%s\r\n", length, $_ }
                 $body =~ /.{1,$size}/gs;

    return "POST /$prefix/publish HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
           . "Content-Type: application/json\r\n"
           . "Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n";
}

no_shuffle();
run_tests();

__DATA__

=== TEST 1: without a key, from this machine
--- http_config eval: $::http
--- config eval: $::open
--- request
GET /api/channels
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body_like: ^\{"channels":\[.*\],"has_more":false\}$



=== TEST 2: without a key, from elsewhere
--- http_config eval: $::http
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-From;

    location /api/ {
        rtprop api;
    }
--- request eval
["GET /api/channels", "GET /api/channels", "GET /api/channels",
 "GET /api/channels", "GET /api/channels"]
--- more_headers eval
["X-From: 192.0.2.1", "X-From: 127.5.4.3", "X-From: ::1",
 "X-From: ::ffff:192.0.2.1", "X-From: ::ffff:127.0.0.1"]
--- error_code eval
[403, 200, 200, 403, 200]
--- response_body_like eval
['"code":"not_authorized"', 'channels', 'channels', 'not_authorized',
 'channels']



=== TEST 3: with a key
--- http_config eval: $::http
--- config eval: $::keyed
--- user_files eval: $::file
--- request eval
["GET /api/channels", "GET /api/channels", "GET /api/channels",
 "GET /api/channels", "GET /api/channels", "GET /api/nothing"]
--- more_headers eval
["Authorization: Bearer the-key-of-these-tests",
 "Authorization: bearer  the-key-of-these-tests",
 "X-None: 1",
 "Authorization: Bearer the-key-of-these-testS",
 "Authorization: Basic dGhlLWtleS1vZi10aGVzZS10ZXN0cw==",
 "Authorization: Bearer the-key-of-these-tests-and-more"]
--- error_code eval
[200, 200, 401, 401, 401, 401]
--- response_headers eval
["!WWW-Authenticate", "!WWW-Authenticate",
 "WWW-Authenticate: Bearer realm=\"rtprop\"",
 "WWW-Authenticate: Bearer realm=\"rtprop\", error=\"invalid_token\"",
 "WWW-Authenticate: Bearer realm=\"rtprop\", error=\"invalid_token\"",
 "WWW-Authenticate: Bearer realm=\"rtprop\", error=\"invalid_token\""]
--- response_body_like eval
['channels', 'channels', ('^\{"code":"not_authorized","message":".+"\}$') x 4]
--- no_error_log
the-key



=== TEST 4: no such resource
--- http_config eval: $::http
--- config eval: $::open
--- request eval
["GET /api/", "GET /api/nothing", "GET /api/channels/", "GET /api/channel",
 "GET /api/channels/a/b", "GET /api/users", "GET /api/users/u1",
 "GET /api/1/2/3/4/5/6/7/8"]
--- error_code eval
[(404) x 8]
--- response_headers eval
[("Content-Type: application/json") x 8]
--- response_body_like eval
[('^\{"code":"not_found","message":".+"\}$') x 8]



=== TEST 5: other methods
--- http_config eval: $::http
--- config eval: $::open
--- request eval
["GET /api/publish", "POST /api/channels", "PUT /api/users/u1/connections",
 "OPTIONS /api/publish", "OPTIONS /api/users/u1/connections",
 "PROPFIND /api/channels"]
--- error_code eval
[405, 405, 405, 204, 204, 405]
--- response_headers eval
["Allow: POST, OPTIONS", "Allow: GET, HEAD, OPTIONS",
 "Allow: GET, HEAD, DELETE, OPTIONS", "Allow: POST, OPTIONS",
 "Allow: GET, HEAD, DELETE, OPTIONS", "Allow: GET, HEAD, OPTIONS"]
--- response_body_like eval
[('^\{"code":"method_not_allowed","message":".+"\}$') x 3, ('^$') x 2,
 'method_not_allowed']



=== TEST 6: HEAD
--- http_config eval: $::http
--- config eval: $::open
--- request eval
["HEAD /api/channels", "HEAD /api/publish", "HEAD /api/nothing"]
--- error_code eval
[200, 405, 404]
--- response_headers_like eval
[("Content-Length: [1-9]\\d*") x 3]



=== TEST 7: prefixes of any form
--- http_config eval: $::http
--- config
    location /a {
        rtprop api;
    }

    location /deep/er/ {
        rtprop api;
    }

    location = /api/channels {
        rtprop api;
    }

    location / {
        rtprop api;
    }
--- request eval
["GET /a/channels", "GET /achannels", "GET /deep/er/channels",
 "GET /channels", "GET /api/channels", "GET /a"]
--- error_code eval
[200, 404, 200, 200, 404, 404]



=== TEST 8: ids in a path
--- http_config eval: $::http
--- config eval: $::open
--- request eval
["GET /api/users/a%2Fb/connections", "GET /api/users/caf%C3%A9/connections",
 "GET /api/users/a%20b/connections", "GET /api/users/%01/connections",
 "GET /api/users/%FF/connections",
 "GET /api/users/" . ("x" x 128) . "/connections",
 "GET /api/users/" . ("x" x 129) . "/connections",
 "GET /api/users/x/../y/connections"]
--- error_code eval
[200, 200, 422, 422, 422, 200, 422, 200]
--- response_body_like eval
['"user_id":"a/b"', '"user_id":"café"', ('"code":"invalid_payload"') x 3,
 '"user_id":"x{128}"', 'invalid_payload', '"user_id":"y"']



=== TEST 9: bodies that are no JSON
--- http_config eval: $::http
--- config eval: $::open
--- request eval
["POST /api/publish\n{", "POST /api/publish\n{} {}",
 "POST /api/publish\n{\"a\":1,\"a\":2}", "POST /api/publish\n\xff",
 "POST /api/publish\n{\"a\":\"\\u0000\"}",
 "POST /api/publish\n" . ("[" x 40) . ("]" x 40), "POST /api/publish\nnul"]
--- more_headers
Content-Type: application/json
--- error_code eval
[(400) x 7]
--- response_body_like eval
[('^\{"code":"invalid_json","message":".+"\}$') x 7]



=== TEST 10: JSON that is no object
--- http_config eval: $::http
--- config eval: $::open
--- request eval
["POST /api/publish\n7", "POST /api/publish\n\"x\"",
 "POST /api/publish\nnull"]
--- more_headers
Content-Type: application/json
--- error_code eval
[(422) x 3]
--- response_body_like eval
[('^\{"code":"invalid_payload","message":".+"\}$') x 3]



=== TEST 11: types of a body
--- http_config eval: $::http
--- config eval: $::open
--- request eval
[("POST /api/publish\n{}") x 7]
--- more_headers eval
["Content-Type: application/json",
 "Content-Type: application/json; charset=utf-8",
 "Content-Type: APPLICATION/JSON", "Content-Type: text/plain",
 "Content-Type: application/x-www-form-urlencoded", "X-None: 1",
 "Content-Type: application/json; charset=latin1"]
--- error_code eval
[422, 422, 422, 415, 415, 415, 415]
--- response_body_like eval
[('"field":"channel"') x 3,
 ('^\{"code":"unsupported_media_type","message":".+"\}$') x 4]



=== TEST 12: no body is an empty object
--- http_config eval: $::http
--- config eval: $::open
--- request
POST /api/publish
--- more_headers
Content-Length: 0
--- error_code: 422
--- response_body_like eval
qr/^\{"code":"invalid_payload","message":".+","field":"channel"\}$/



=== TEST 13: bodies too large
--- http_config eval: $::http
--- config
    location /api/ {
        rtprop api;
        rtprop_max_message 1k;
    }

    location /small/ {
        rtprop api;
        client_max_body_size 1k;
    }
--- request eval
["POST /api/publish\n" . (" " x 8) . "{\"a\":\"" . ("x" x 16000) . "\"}",
 "POST /api/publish\n{\"a\":\"" . ("x" x 20000) . "\"}",
 "POST /small/publish\n{\"a\":\"" . ("x" x 2000) . "\"}"]
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 413, 413]
--- response_body_like eval
['"field":"channel"', ('^\{"code":"too_large","message":".+"\}$') x 2]
--- error_log
client intended to send too large body



=== TEST 14: a body in chunks
--- http_config eval: $::http
--- config
    location /api/ {
        rtprop api;
        rtprop_max_message 1k;
    }

    location /small/ {
        rtprop api;
        client_max_body_size 1k;
    }
--- raw_request eval
[chunked("api", '{"a":1}', 3), chunked("api", "x" x 20000, 5000),
 chunked("small", "x" x 2048, 2048)]
--- error_code eval
[422, 413, 413]
--- response_body_like eval
['"field":"channel"', ('^\{"code":"too_large","message":".+"\}$') x 2]
--- error_log
client intended to send too large chunked body



=== TEST 15: a body in a temporary file
--- http_config eval: $::http
--- config
    location /api/ {
        rtprop api;
        client_body_buffer_size 1k;
    }

    location /always/ {
        rtprop api;
        client_body_in_file_only clean;
    }
--- request eval
[publish("api", '{"channel":"all","type":"x","payload":{"a":"'
                . ("x" x 20000) . '"}}'),
 publish("always", '{"channel":"all","type":"x"}')]
--- more_headers
Content-Type: application/json
--- response_body eval
[("{\"epoch\":null,\"offset\":null}") x 2]



=== TEST 16: pipelined requests, refused ones and their bodies among them
--- http_config eval: $::http
--- config eval: $::open
--- pipelined_requests eval
["GET /api/channels", "POST /api/nothing\n{\"a\":1}",
 "POST /api/publish\n{\"channel\":\"all\",\"type\":\"x\"}",
 "POST /api/publish\nnonsense", "DELETE /api/users/u1/connections",
 "GET /api/channels?limit=0", "GET /api/channels"]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 404, 200, 400, 200, 422, 200]
--- response_body_like eval
['channels', 'not_found', '"offset"', 'invalid_json', '^\{"closed":0\}$',
 '"field":"limit"', 'channels']



=== TEST 17: queries
--- http_config eval: $::http
--- config eval: $::open
--- request eval
["GET /api/channels?limit=5", "GET /api/channels?limit=5&prefix=1",
 "GET /api/channels?prefix=a%20b", "GET /api/channels?limit=x",
 "GET /api/channels?limit=1001", "GET /api/channels?limit=-1",
 "GET /api/channels?prefix=%ff", "GET /api/channels?" . ("a=1&" x 40)]
--- error_code eval
[200, 200, 200, 422, 422, 422, 422, 422]
--- response_body_like eval
[('channels') x 3, ('"field":"limit"') x 3, ('"code":"invalid_payload"') x 2]



=== TEST 18: access rules of nginx come first
--- http_config eval: $::http
--- config
    location /api/ {
        rtprop api;
    }

    location /api/users/ {
        rtprop api;
        deny all;
    }
--- request eval
["GET /api/users/u1/connections", "GET /api/x/..%2Fusers/u1/connections",
 "GET /api/%75sers/u1/connections"]
--- error_code eval
[403, 403, 403]
--- error_log
access forbidden by rule



=== TEST 19: what is left of chunks too large is no request of its own
--- http_config eval: $::http
--- config
    location /small/ {
        rtprop api;
        client_max_body_size 1k;
    }
--- raw_request eval
[map { "POST /small/publish HTTP/1.1\r\nHost: a\r\n"
       . "Content-Type: application/json\r\n"
       . "Transfer-Encoding: chunked\r\n\r\n" . $_ }
 "800\r\nGET /small/channels HTTP/1.1\r\nHost: a\r\n\r\n",
 "8\r\n12345678\r\n800\r\n" . "x" x 100]
--- error_code eval
[413, 413]
--- response_headers
Connection: close
--- response_body_like eval
[('^\{"code":"too_large","message":".+"\}$') x 2]
--- error_log
client intended to send too large chunked body



=== TEST 20: a body that is allowed stays in memory
--- http_config eval: $::http
--- config eval: $::open
--- request eval
["PUT /api/conversations/big\n"
 . '{"participants":["u1"],"title":"t","extra":"' . "x" x 300000 . '"}']
--- more_headers
Content-Type: application/json
--- error_code eval
[201]
--- no_error_log
is buffered to a temporary file
