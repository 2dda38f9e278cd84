#!/usr/bin/perl

# What "nginx -t" accepts and warns of: directives that do nothing beside the
# others, secrets that everybody can read.  Each warning names the directive.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $es = RTProp::JWT::keypair('ES256', my $dir = File::Temp->newdir);

my %files = (
    'db.password' => "hush\n",
    'es.pub' => RTProp::Nginx::slurp($es->{public}),
    'jwks.json' => JSON::PP::encode_json({
        keys => [RTProp::JWT::jwk_oct(SECRET, 'k1')] }),
    'ec.json' => JSON::PP::encode_json({
        keys => [RTProp::JWT::jwk($es, 'k2')] }),
);

my $redis = 'rtprop_redis redis://127.0.0.1;';
my $on_redis = "$redis rtprop_engine redis;";
my $postgres = 'rtprop_postgres dbname=a;';


# What is said of a text at the level http, or in a location; mode: that of all
# files, which are the owner's alone otherwise.

sub said_of {
    my ($level, $text, $mode) = @_;
    my $nginx = RTProp::Nginx->new(
        http => $level eq 'http' ? $text : '',
        server => $level eq 'http' ? 'location /echo { rtprop echo; }'
                                   : "location /x { $text }",
        files => { 'jwt.key' => SECRET, 'api.key' => API_KEY, %files });

    chmod $mode, map { $nginx->prefix . "/$_" } keys %files, 'jwt.key',
                 'api.key' if $mode;

    my ($accepted, $said) = $nginx->test_config;
    ok($accepted, "accepted: $text") or diag($said);
    unlike($said, qr/hush/, 'no password is shown');

    return $said;
}


sub warned {
    my ($level, $text, $why, $mode) = @_;
    like(said_of($level, $text, $mode), qr/^nginx: \[warn\] .*$why/m,
         'warned of');
}


sub silent {
    my ($level, $text, $mode) = @_;
    unlike(said_of($level, $text, $mode), qr/\[warn\].*rtprop/, 'no warning');
}


# ------------------------------------------------ what does nothing by itself

warned(http => $redis,
       qr/"rtprop_redis" does nothing without "rtprop_engine redis"/);
silent(http => $on_redis);

warned(http => 'rtprop_presence_lease 15s;',
       qr/"rtprop_presence_lease" does .* without "rtprop_engine redis"/);
silent(http => "rtprop_presence_lease 15s; $on_redis");

warned(http => "rtprop_redis_failover 5s; $postgres",
       qr/"rtprop_redis_failover" does .* without "rtprop_engine redis"/);
warned(http => "rtprop_redis_failover 5s; $on_redis",
       qr/"rtprop_redis_failover" does .* without "rtprop_postgres"/);
silent(http => "rtprop_redis_failover 5s; $on_redis $postgres");

my $query = 'rtprop_query chat_history "SELECT 1";';
warned(http => $query,
       qr/"rtprop_query chat_history" does .* without "rtprop_postgres"/);
silent(http => "$query $postgres");


# ------------------------------------------------------------------ locations

my $native = 'rtprop native; rtprop_jwt_key jwt.key;';

for ($native, 'rtprop echo;', 'rtprop health;') {
    my ($word) = /rtprop (\w+)/;

    warned(location => "$_ rtprop_api_key api.key;",
           qr{"rtprop_api_key" .* location "/x" of "rtprop $word", it belongs});
    warned(location => "$_ rtprop_api_public on;",
           qr{"rtprop_api_public" .* location "/x" of "rtprop $word", it });
    silent(location => "$_ rtprop_api_public off;");
}

warned(location => 'rtprop api; rtprop_api_key api.key; rtprop_api_public on;',
       qr{"rtprop_api_key" is not asked for in location "/x"});
silent(location => 'rtprop api; rtprop_api_key api.key;');
silent(location => 'rtprop api; rtprop_api_public on;');
silent(location => 'rtprop api; rtprop_api_key api.key; location /x/public/ {'
                   . ' rtprop api; rtprop_api_public on; }');
silent(location => 'rtprop_api_key api.key; location /x/ws { rtprop echo; }');

warned(location => "$native rtprop_origin required;",
       qr/"rtprop_origin required" names no origin .*"rtprop_origin required /);
silent(location => "$native rtprop_origin $_;")
    for 'required same', 'same required', 'required a.example';


# -------------------------------------------------------------------- secrets

my @secret = (
    [http => "$on_redis" =~ s/;/ password_file=db.password;/r,
     'db.password', 'rtprop_redis'],
    [http => 'rtprop_engine redis; rtprop_redis sentinel://127.0.0.1/m'
             . ' sentinel_password_file=db.password;',
     'db.password', 'rtprop_redis'],
    [http => $postgres =~ s/;/ password_file=db.password;/r, 'db.password',
     'rtprop_postgres'],
    [http => 'rtprop_jwt_key jwt.key;', 'jwt.key', 'rtprop_jwt_key'],
    [http => 'rtprop_jwks jwks.json;', 'jwks.json', 'rtprop_jwks'],
    [location => 'rtprop api; rtprop_api_key api.key;', 'api.key',
     'rtprop_api_key'],
);

for (@secret) {
    my ($level, $text, $file, $name) = @$_;

    for my $mode (0644, 0602) {
        warned($level => $text,
               qr{secret in "/\S+/\Q$file\E" of "$name", it must be its owner},
               $mode);
    }

    silent($level => $text);
    silent($level => $text, 0640);
}

# what is public is for everybody

silent(http => 'rtprop_jwt_key es.pub;', 0644);
silent(http => 'rtprop_jwks ec.json;', 0644);

done_testing();
