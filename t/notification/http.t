#!/usr/bin/perl

# POST broadcast/notification: what is refused.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

our $http = "rtprop_zone rtprop 4m;\n";

our $api = <<'END';
    location /api/ {
        rtprop api;
    }
END

sub post { map { "POST /api/broadcast/notification\n{$_}" } @_ }

our $long = 'x' x 201;
our $users = join ',', 1 .. 1001;

no_shuffle();
run_tests();

__DATA__

=== TEST 1: bad notifications
--- http_config eval: $::http
--- config eval: $::api
--- more_headers
Content-Type: application/json
--- request eval
[::post('"kind":"price_drop"', '"user_id":"a"', '"user_id":"a","kind":5',
        '"user_id":"a","user_ids":["b"],"kind":"price_drop"',
        '"user_ids":[],"kind":"price_drop"',
        '"user_ids":["a",{}],"kind":"price_drop"',
        qq("user_ids":[$::users],"kind":"price_drop"),
        '"user_id":"a","kind":"unheard_of"',
        qq("user_id":"a","kind":"k","title":"$::long"),
        '"user_id":"a","kind":"k","title":"t","data":[]',
        '"user_id":"a","kind":"k","title":"t","actions":[{"label":"l"}]',
        '"user_id":"a","kind":"k","title":"t","actions":[{"label":"l",'
        . '"url":"javascript:alert(1)"}]',
        '"user_id":"a","kind":"k","title":"t","deliver_at":"tomorrow"')]
--- error_code eval
[(422) x 13]
--- response_body_like eval
[map { qr/"code":"invalid_payload".*"field":"$_"/ }
 qw(user_id kind kind user_id user_ids user_ids user_ids title title data
    actions actions deliver_at)]



=== TEST 2: answers
--- http_config eval: $::http
--- config eval: $::api
--- more_headers
Content-Type: application/json
--- request eval
[::post('"user_id":"a","kind":"k","title":"t"',
        '"userIds":["a","b","a"],"kind":"k","title":"t","deliver_at":1',
        '"user_id":7,"kind":"k","title":"t",'
        . '"deliverAt":"2999-01-01T00:00:00Z"')]
--- error_code eval
[(200) x 3]
--- response_body_like eval
[qr/^\{"success":true,"id":"\d+","delivered":1,"epoch":"[0-9a-f]{16}",/,
 qr/"delivered":2,"epoch":null,"offset":null\}/,
 qr/"scheduled":1,"deliver_at":"2999-01-01T00:00:00.000Z"/]
