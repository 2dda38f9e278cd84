#!/usr/bin/perl

# A query of the platform's own gives documents that are none of the module's:
# each is named in the log, who needs it gets "unavailable", and nothing is
# taken for missing, or written over.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Durable;
use RTProp::Test;

my $pg = RTProp::Durable->serve;
my $database = 'unreadable';
$pg->sql("CREATE DATABASE $database TEMPLATE rtprop_template");

sub sql { $pg->sql($_[0], conn => { dbname => $database }) }

sql("CREATE SCHEMA site; CREATE TABLE site.document (value text);"
    . " INSERT INTO site.document VALUES ('')");

my $conf = join '', map {
    my $what = "SELECT 1::bigint AS version, value, now() AS at"
               . " FROM site.document WHERE \$1 <> ''";
    qq{rtprop_query ${_}_get "$what";\n};
} qw(conversation property auction notification document);

my $nginx = rtprop_nginx(
    workers => 1, allow => [qr/is not readable/],
    prefix => 'rtprop_postgres "' . $pg->conninfo(dbname => $database)
              . "\";\n$conf",
    location => 'rtprop_rate message off; rtprop_rate other off;');

$nginx->wait_until(sub { http()->get('/health')->{json}{status} eq 'ok' }, 30);

my $ann = client(user => 'ann', claims => { conversations => ['x'] });

my %people = (participants => [map { { id => $_ } } 'ann', 'ben']);
my %auction = (property_id => 'p', starting_price => 100, reserve_price => 200,
               currency => 'EUR', ends_at => '2099-01-01T00:00:00Z',
               bid_increment => 10);

my @cases = (
    ['conversation:x' => 'a join', 'chat:join', { conversation_id => 'x' }],
    ['conversation:x' => 'its messages', 'chat:history',
     { conversation_id => 'x' }],
    ['conversation:x' => 'GET', '/api/conversations/x'],
    ['conversation:x' => 'PUT', '/api/conversations/x', \%people],
    ['property:x' => 'a view', 'property:view', 'x'],
    ['property:x' => 'GET', '/api/properties/x'],
    ['property:x' => 'PUT', '/api/properties/x', { title => 'House' }],
    ['auction:x' => 'a join', 'auction:join', { auction_id => 'x' }],
    ['auction:x' => 'a bid', 'auction:bid',
     { auction_id => 'x', amount => 1000, client_bid_id => 'b' }],
    ['auction:x' => 'GET', '/api/auctions/x'],
    ['auction:x' => 'PUT', '/api/auctions/x', \%auction],
    ['notifications:ann' => 'a list', 'notification:list', {}],
    ['notifications:ann' => 'a mark', 'notification:read',
     { all => JSON::PP::true }],
    ['agent:x' => 'an agent', 'presence:check_agent', { agent_id => 'x' }],
);

sub answer {
    my ($what, $body) = @_;

    if ($what !~ m{^/}) {
        my $answer = asks($ann, $what, $body);
        return ($answer->{type} =~ /(error|reject)/, $answer->{payload}{code});
    }

    my $answer = api($body ? 'PUT' : 'GET', $what, $body ? $body : ());
    return ($answer->{status} == 503 ? 'error' : $answer->{status},
            $answer->{json}{code});
}

for my $value ('', 'not JSON', '[]', '{"title": "House", "format": 99}') {
    sql("UPDATE site.document SET value = '$value'");

    for my $case (@cases) {
        my ($key, $name, $what, $body) = @$case;
        my $len = length $value;
        my $said = qr/"\Q$key\E" of $len octets is not readable/;
        my $before = () = $nginx->log =~ /$said/g;

        my $type = $what eq 'auction:bid' ? 'reject' : 'error';

        is_deeply([answer($what, $body)], [$type, 'unavailable'],
                  "'$value' as $key: $name");
        ok($nginx->wait_until(sub {
            my $now = () = $nginx->log =~ /$said/g;
            return $now > $before;
        }), 'which is logged');
    }
}

is(sql('SELECT count(*) FROM rtprop.conversation') + 0, 0,
   'nothing was written instead');

done_testing();
