#!/usr/bin/perl

# "nginx -t" refuses wrong directives of authentication with a message that
# names the directive and says what is right.

use strict;
use warnings;

use File::Temp;
use lib 't/lib';
use RTProp::Test;

my $dir = File::Temp->newdir;
my $es = RTProp::JWT::keypair('ES256', "$dir");
my $public = RTProp::Nginx::slurp($es->{public});
my $private = RTProp::Nginx::slurp($es->{private});

my %files = (
    'es.pub' => $public, 'es.key' => $private, 'short.key' => 'too short',
    'empty.key' => '', 'big.key' => 'x' x 70000, 'jwks.json' => '{"keys":[]}',
    'no.json' => 'no JSON', 'broken.pem' => "-----BEGIN PUBLIC KEY-----\nAAAA\n"
                                            . "-----END PUBLIC KEY-----\n",
);


sub test_conf {
    my ($text) = @_;
    return nginx_t(files => \%files, server => "location /ws { $text }");
}


sub good {
    my ($text) = @_;
    my ($accepted, $said) = test_conf("rtprop native; $text");
    ok($accepted, "good: $text") or diag($said);
}


sub bad {
    my ($text, $message) = @_;
    my ($accepted, $said) = test_conf("rtprop native; $text");
    my ($name) = $text =~ /^(\w+)/;

    ok(!$accepted, "bad: $text");
    like($said, $message, "what it says");
    like($said, qr/"$name"/, "it names $name");
    unlike($said, qr/too short|BEGIN/, 'no secret');
}


good('rtprop_jwt_key jwt.key;');
good('rtprop_jwt_key jwt.key alg=HS256 kid=k1;');
good('rtprop_jwt_key es.pub; rtprop_jwt_key jwt.key kid=x;');
good('rtprop_jwt_key es.pub alg=ES256;');
good('rtprop_user $remote_user name=$arg_n role=agent;');
good('rtprop_user $arg_u; rtprop_origin same https://a.b *.c.d ~x required;');
good('rtprop_jwt_key jwt.key; rtprop_token $cookie_t; rtprop_jwt_leeway 0;');
good('rtprop_jwt_key jwt.key; rtprop_jwt_issuer i; rtprop_jwt_audience a b;');

bad('rtprop_jwt_key none.key;', qr/none\.key" failed \(2:/);
bad('rtprop_jwt_key short.key;', qr/short\.key.*at least 32/);
bad('rtprop_jwt_key empty.key;', qr/it is empty/);
bad('rtprop_jwt_key big.key;', qr/too large/);
bad('rtprop_jwt_key .;', qr/not a regular file/);
bad('rtprop_jwt_key broken.pem;', qr/invalid file "broken\.pem"/);
bad('rtprop_jwt_key jwt.key alg=none;', qr/invalid file/);
bad('rtprop_jwt_key jwt.key alg=ES256;', qr/invalid file/);
bad('rtprop_jwt_key es.pub alg=HS256;', qr/invalid file/);
bad('rtprop_jwt_key jwt.key alg=;', qr/alg=HS256\|RS256\|ES256\|EdDSA/);
bad('rtprop_jwt_key jwt.key algo=HS256;', qr/invalid parameter "algo=HS256"/);
bad('rtprop_jwt_key jwt.key kid=a kid=b;', qr/each at most once/);
bad('rtprop_jwt_key;', qr/invalid number of arguments/);
bad('rtprop_jwks none.json;', qr/none\.json" failed \(2:/);
bad('rtprop_jwks no.json;', qr/invalid file "no\.json" in "rtprop_jwks"/);
bad('rtprop_jwks jwks.json;', qr/invalid file "jwks\.json"/);
bad('rtprop_jwt_issuer "";', qr/it is empty/);
bad('rtprop_jwt_issuer a; rtprop_jwt_issuer b;', qr/is duplicate/);
bad('rtprop_jwt_audience a ""; ', qr/it is empty/);
bad('rtprop_jwt_audience a; rtprop_jwt_audience b;', qr/is duplicate/);
bad('rtprop_jwt_leeway soon;', qr/a time of at most 1h, as "30s"/);
bad('rtprop_jwt_leeway 2h;', qr/a time of at most 1h/);
bad('rtprop_token token;', qr/where a request has its token/);
bad('rtprop_token $cookie_a; rtprop_token $cookie_b;', qr/is duplicate/);
bad('rtprop_user "";', qr/empty value/);
bad('rtprop_user $arg_u; rtprop_user $arg_v;', qr/is duplicate/);
bad('rtprop_user $arg_u nick=x;', qr/invalid parameter "nick=x"/);
bad('rtprop_user $arg_u name=x name=y;', qr/each at most once/);
bad('rtprop_user $arg_u; rtprop_jwt_key jwt.key;', qr/use either/);
bad('rtprop_user $arg_u; rtprop_jwks jwks.json;', qr/use either/);
bad('rtprop_user $arg_u role=; ', qr/empty value/);
bad('rtprop_origin;', qr/invalid number of arguments/);
bad('rtprop_origin ~(;', qr/invalid value "~\(" in "rtprop_origin"/);
bad('rtprop_origin https://a.b/path;', qr/right are "same", "any"/);
bad('rtprop_origin same; rtprop_origin any;', qr/is duplicate/);

for (['native'], ['natve']) {
    my ($word) = @$_;
    my ($accepted, $said) = test_conf("rtprop $word;");
    ok(!$accepted, "rtprop $word");
    like($said, $word eq 'native' ? qr/knows nobody.*"rtprop_jwt_key"/
                                  : qr/unknown word "natve" in "rtprop"/,
         'what it says');
}

# a location's user takes the place of the server's key, and the other way

my ($accepted, $said) = nginx_t(server => <<'END');
    rtprop_jwt_key jwt.key;
    location /a { rtprop native; rtprop_user $arg_u; }
    location /b { rtprop native; }
    location /echo { rtprop echo; }
END

ok($accepted, 'key at one level, user at the next') or diag($said);

done_testing();
