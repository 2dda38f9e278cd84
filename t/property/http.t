#!/usr/bin/perl

# The resource properties/{id}: created, changed, read; versions.  The zone
# outlives the reload between two blocks, so each block has its own property.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

our $http = "rtprop_zone rtprop 4m;\n";

our $api = <<'END';
    location /api/ {
        rtprop api;
    }

    location /public/ {
        rtprop api;
        rtprop_api_public on;
        rtprop_origin https://good.example;
    }
END

our $json = "Content-Type: application/json";

sub put {
    my ($id, $status, $price) = @_;
    return qq(PUT /api/properties/$id\n{"title":"T","status":"$status",)
           . qq("price":$price});
}

no_shuffle();
run_tests();

__DATA__

=== TEST 1: created, then changed
--- http_config eval: $::http
--- config eval: $::api
--- more_headers eval: $::json
--- request eval
[::put('p1', 'available', 5), ::put('p1', 'available', 5),
 ::put('p1', 'sold', 7)]
--- error_code eval
[201, 200, 200]
--- response_headers eval
['ETag: "1"', 'ETag: "2"', 'ETag: "3"']
--- response_body_like eval
[qr/"version":1/, qr/"version":2/, qr/"status":"sold".*"version":3/]



=== TEST 2: read
--- http_config eval: $::http
--- config eval: $::api
--- more_headers eval: $::json
--- request eval
["GET /api/properties/p2",
 qq(PUT /api/properties/p2\n{"title":"T","status":"rented","price":0,)
 . qq("agent_id":7,"rooms":[1,{"a":2}],"viewingsThisWeek":4}),
 "GET /api/properties/p2", "GET /public/properties/p2"]
--- error_code eval
[404, 201, 200, 200]
--- response_headers eval
["!ETag", 'ETag: "1"', "ETag: \"1\"\nCache-Control: no-store", 'ETag: "1"']
--- response_body_like eval
[qr/"code":"not_found"/, qr/"agent_id":"7"/,
 qr/"price":0.*"viewings_this_week":4.*"rooms":\[1,\{"a":2\}\]/,
 qr/"property_id":"p2"/]



=== TEST 3: a stale version
--- http_config eval: $::http
--- config eval: $::api
--- more_headers
Content-Type: application/json
If-Match: "2"
--- request eval
[::put('p3', 'available', 5), ::put('p3', 'available', 5)]
--- error_code eval
[409, 409]
--- response_body_like eval
[(qr/"code":"conflict".*"version":0/) x 2]



=== TEST 4: any version
--- http_config eval: $::http
--- config eval: $::api
--- more_headers
Content-Type: application/json
If-Match: *
--- request eval
[::put('p4', 'available', 5), ::put('p4', 'available', 6)]
--- error_code eval
[201, 200]



=== TEST 5: bad resources
--- http_config eval: $::http
--- config eval: $::api
--- more_headers eval: $::json
--- request eval
[::put('p5', 'gone', 5), ::put('p5', 'sold', -1), ::put('p5', 'sold', '1.5'),
 ::put('p5', 'sold', 9007199254740992), ::put('p5', 'sold', '"5"'),
 qq(PUT /api/properties/p5\n{"status":"sold","price":5}),
 qq(PUT /api/properties/p5\n{"title":"T","price":5}),
 qq(PUT /api/properties/p5\n{"title":"T","status":"sold"}),
 qq(PUT /api/properties/p5\n{"title":"T","status":"sold","price":1,)
 . qq("agent_id":{}}), "PUT /api/properties/p5\n[]",
 "PUT /api/properties/p5\n{", "GET /api/properties/p5"]
--- error_code eval
[(422) x 10, 400, 404]
--- response_body_like eval
[qr/"field":"status"/, (qr/"field":"price"/) x 4, qr/"field":"title"/,
 qr/"field":"status"/, qr/"field":"price"/, qr/"field":"agent_id"/,
 qr/"code":"invalid_payload"/, qr/"code":"invalid_json"/, qr/not_found/]



=== TEST 6: viewers, of unknown properties as well
--- http_config eval: $::http
--- config eval: $::api
--- request eval
["GET /api/properties/p6/viewers", "GET /public/properties/x%20y/viewers",
 "GET /public/properties/q/viewers"]
--- error_code eval
[200, 422, 200]
--- response_body_like eval
[qr/^\{"property_id":"p6","count":0\}/, qr/invalid_payload/,
 qr/^\{"property_id":"q","count":0\}/]



=== TEST 7: other methods
--- http_config eval: $::http
--- config eval: $::api
--- more_headers eval: $::json
--- request eval
["POST /api/properties/p7\n{}", "DELETE /api/properties/p7",
 "PUT /public/properties/p7\n{}", "POST /public/broadcast/property\n{}"]
--- error_code eval
[405, 405, 405, 404]



=== TEST 8: broadcasts answer with a place
--- http_config eval: $::http
--- config eval: $::api
--- more_headers eval: $::json
--- request eval
[qq(POST /api/broadcast/property\n{"property_id":"p8","event":)
 . qq("property_featured","until":"May"}),
 qq(POST /api/broadcast/property-status\n{"property_id":"p8",)
 . qq("new_status":"sold"}),
 qq(POST /api/broadcast/price-update\n{"propertyId":"p8","newPrice":5}),
 qq(POST /api/broadcast/property\n{"property_id":"p8","event":)
 . qq("property:activity_update","data":{"wishlist_today":2}}),
 "GET /api/properties/p8"]
--- error_code eval
[(200) x 5]
--- response_body_like eval
[qr/^\{"success":true,"epoch":"[0-9a-f]{16}","offset":1\}/, qr/"offset":2\}/,
 qr/"offset":3\}/, qr/"offset":4\}/,
 qr/"title":null,"status":"sold","price":5.*"wishlist_today":2.*"version":4/]



=== TEST 9: bad broadcasts
--- http_config eval: $::http
--- config eval: $::api
--- more_headers eval: $::json
--- request eval
[map { my ($to, $fields) = @$_; "POST /api/broadcast/$to\n{$fields}" }
 ['property', '"event":"property_featured"'],
 ['property', '"property_id":"p9"'],
 ['property', '"property_id":"p9","event":"burnt"'],
 ['property', '"property_id":"p9","event":"property_featured","data":1'],
 ['property', '"property_id":"p9","event":"activity_update"'],
 ['property-status', '"property_id":"p9"'],
 ['property-status', '"property_id":"p9","new_status":"gone"'],
 ['property-status',
  '"property_id":"p9","new_status":"sold","old_status":"x"'],
 ['price-update', '"property_id":"p9","new_price":-5'],
 ['price-update', '"property_id":"p9","new_price":5,"old_price":"4"'],
 ['price-update', '"property_id":{},"new_price":5']]
--- error_code eval
[(422) x 11]
--- response_body_like eval
[map { qr/"code":"invalid_payload".*"field":"$_"/ }
 qw(property_id event event data wishlist_today new_status new_status
    old_status new_price old_price property_id)]



=== TEST 10: viewers have a tag, for pages that poll
--- http_config eval: $::http
--- config eval: $::api
--- request eval
[("GET /api/properties/p10/viewers") x 3]
--- more_headers eval
["", qq(If-None-Match: "1"), qq(If-None-Match: "2")]
--- error_code eval
[200, 304, 200]
--- response_headers
ETag: "1"
Cache-Control: no-store
